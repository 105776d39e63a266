"""A model to make or to fine-tune: randomly initialised with a tokenizer, or from a folder."""

from typing import NamedTuple

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from scope.artifacts.folder import empty_folder, open_folder
from scope.errors import InputError
from scope.models.load import load_model, load_tokenizer, stored_dtype
from scope.models.random_init import make_model
from scope.models.recipe import ModelSettings


class Origin(NamedTuple):
    """A model in float32, its tokenizer, and the number format that it is saved in."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    dtype: torch.dtype


def open_or_make(name: str, settings: ModelSettings, tokenizer: str | None, folder: str | None) -> Origin:
    """The model `name` (student or teacher): of a folder, or a new one with the tokenizer of a manifest.

    A folder's model keeps the number format of its folder, a new one is float32. Raises InputError where neither is
    given.
    """
    if folder:
        return Origin(load_model(folder, "float32"), load_tokenizer(folder), stored_dtype(folder))
    if settings.random_init is None or tokenizer is None:
        raise InputError(
            f"models.{name} names a folder: give it as --folder; a model to make needs --tokenizer", "missing-argument"
        )
    opened = load_tokenizer(open_folder(tokenizer))
    return Origin(make_model(settings.random_init, opened), opened, torch.float32)


def save(origin: Origin, manifest: str) -> None:
    """Write model and tokenizer beside a manifest that is still to be written."""
    folder = empty_folder(manifest)
    torch.nn.Module.to(origin.model, origin.dtype)
    origin.model.save_pretrained(folder)
    origin.tokenizer.save_pretrained(folder)
