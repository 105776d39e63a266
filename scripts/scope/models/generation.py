"""Generation settings of a model folder: token ids are used; how to sample is the experiment's own business."""

import shutil
from pathlib import Path

from transformers import GenerationConfig

FILE = "generation_config.json"
TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id")


def token_ids_only(settings: GenerationConfig) -> GenerationConfig:
    """The ids of special tokens, without settings of sampling.

    Those would act in `generate` beside ours (a repetition penalty), and transformers refuses to save some that it
    loads (a temperature without do_sample).
    """
    return GenerationConfig(**{name: _ids(getattr(settings, name)) for name in TOKENS})


def _ids(value: int | list[int] | None) -> int | list[int] | None:
    """Ids, without negative ones, which some models give for none, as end_tokens.py leaves them out."""
    if isinstance(value, list):
        return [one for one in value if one >= 0] or None
    return value if value is not None and value >= 0 else None


def copy_generation_config(source: Path, folder: Path) -> None:
    """Give a saved model the file of the model that it comes from, for its later users; there may be none."""
    if (source / FILE).exists():
        shutil.copyfile(source / FILE, folder / FILE)
