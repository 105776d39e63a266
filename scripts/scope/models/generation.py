"""Generation settings of a model folder: token ids are used; how to sample is the experiment's own business."""

import shutil
from pathlib import Path

from transformers import GenerationConfig

from scope.errors import InputError
from scope.models.weight_files import check_is_whole

FILE = "generation_config.json"
TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id")


def token_ids_only(settings: GenerationConfig) -> GenerationConfig:
    """The ids of special tokens, without settings of sampling.

    Those would act in `generate` beside ours (a repetition penalty), and transformers refuses to save some that it
    loads (a temperature without do_sample).
    """
    return GenerationConfig(**{name: _ids(getattr(settings, name)) for name in TOKENS})


def _ids(value: int | list[int] | None) -> int | list[int] | None:
    """Ids, without negative ones, which some models give for none."""
    if isinstance(value, list):
        return [one for one in value if one >= 0] or None
    return value if value is not None and value >= 0 else None


def read_generation_config(folder: Path) -> GenerationConfig | None:
    """The settings in a model folder, None where it has none. Raises InputError where transformers cannot read them."""
    file = folder / FILE
    if not (file.exists() or file.is_symlink()):
        return None
    check_is_whole(file)
    try:
        return GenerationConfig.from_pretrained(folder)
    except (ValueError, OSError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{file}: not valid: {reason} Correct the file or remove it; only its token ids are used",
                         "generation-config") from None  # fmt: skip


def copy_generation_config(source: Path, folder: Path) -> None:
    """Give a saved model the file of the model that it comes from, for its later users; there may be none."""
    if (source / FILE).exists():
        shutil.copyfile(source / FILE, folder / FILE)
