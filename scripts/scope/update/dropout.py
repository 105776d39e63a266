"""What a model's configuration drops or perturbs at random in training, none of which an update does.

Eq. 1 compares the policy with the one that sampled, which drops nothing: with dropout the first ratios would not be 1.
"""

from transformers import PreTrainedConfig

from scope.update.log import log

WORDS = ("drop", "jitter")


def log_unused_dropout(config: PreTrainedConfig) -> None:
    """A line in the log for every rate of a configuration that is not 0."""
    for key, value in config.to_dict().items():
        if any(word in key for word in WORDS) and isinstance(value, int | float) and value > 0:
            log(f"update: {key} {value} of the policy's config.json is not used: nothing is dropped in training")
