"""Settings under which rounds would train nothing, as far as settings can show it."""

from scope.config.experiment import Config
from scope.method.table import method_of


def untrained_settings(config: Config) -> list[str]:
    """A line for each setting that leaves rounds without training."""
    lines, update = [], config.update
    if "pg" in method_of(config.objective).losses and config.rollout.n == 1:
        lines.append(
            "rollout.n is 1: GRPO's advantage is 0 in a group of one rollout, so nothing is trained; set rollout.n to "
            "2 or more"
        )
    steps = config.rounds * update.steps_per_round
    if update.total_steps is not None and update.total_steps < steps:
        first = update.total_steps // update.steps_per_round + 1
        last = "the last round" if first == config.rounds else f"rounds {first} to {config.rounds}"
        lines.append(
            f"update.total_steps is {update.total_steps}, but the run has {steps} steps: the learning rate is 0 after "
            f"step {update.total_steps}, in {last}; set update.total_steps to {steps}"
        )
    return lines
