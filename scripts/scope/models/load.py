"""Loading causal language models in Hugging Face format; safetensors only, no remote code."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import torch
from tokenizers import Tokenizer
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from scope.errors import InputError
from scope.models.fit import refuse_misfit
from scope.models.generation import token_ids_only
from scope.models.quantized import naming_the_method

SAMPLES = (
    "Find  all $x$ with\n\n\\frac{1}{2}x^2 = 1,024.5!",
    "def f(a):\n    if a != 0:\n\treturn a[-1]\n",
    " Straße, naïve, 数学, ∑ 🙂",
)
"""Texts on which two readings of a tokenizer's file are compared."""


def device() -> torch.device:
    """The accelerator where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def load_tokenizer(folder: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer in a model folder, as its tokenizer.json describes it. Raises InputError where none can be loaded.

    The class that tokenizer_config.json names may build another one of the same vocabulary, without saying so: a
    byte-level tokenizer labelled as a Llama one loses spaces and new lines. Such a label is not followed.
    """
    file = Path(folder) / "tokenizer.json"
    if not file.is_file():
        return _read(AutoTokenizer, folder)
    plain, labelled, described = _read(PreTrainedTokenizerFast, folder), None, Tokenizer.from_file(str(file))
    with suppress(InputError):
        labelled = _read(AutoTokenizer, folder)
    # Where neither is alike, tokenizer_config.json changes the file on purpose, such as by add_prefix_space.
    if labelled is not None and (_alike(labelled, described) or not _alike(plain, described)):
        return labelled
    print(f"{folder}: the tokenizer is read from tokenizer.json, without the class that tokenizer_config.json names, "
          "which would change it", file=sys.stderr)  # fmt: skip
    return plain


def _read(kind: Any, folder: str | Path) -> PreTrainedTokenizerBase:
    """A folder's tokenizer as one class reads it."""
    try:
        return kind.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # each class of tokenizer raises errors of its own
        raise InputError(
            f"{folder}: the tokenizer cannot be loaded: {(str(error) or type(error).__name__).splitlines()[0]}",
            "unknown-tokenizer",
        ) from None


def _alike(tokenizer: PreTrainedTokenizerBase, described: Tokenizer) -> bool:
    """Whether the tokenizer gives the ids and texts of the one that a file describes."""
    described.no_truncation()
    described.no_padding()
    for text in SAMPLES:
        ids = described.encode(text, add_special_tokens=False).ids
        try:
            same = tokenizer(text, add_special_tokens=False)["input_ids"] == ids
        except Exception:  # a class that lacks the file's unknown token, for one, raises only when it encodes
            return False
        if not same or tokenizer.decode(ids) != described.decode(ids, skip_special_tokens=False):
            return False
    return True


def stored_dtype(folder: str | Path) -> torch.dtype:
    """The number format that a model folder's configuration names; float32 where it names none."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    return cast(torch.dtype, config.dtype or torch.float32)


def vocabulary_size(folder: str | Path) -> int:
    """How many token ids the model in a folder knows, by its configuration."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    return config.get_text_config().vocab_size


def load_model(folder: str | Path, dtype: str) -> PreTrainedModel:
    """The model in a folder, in evaluation mode, on the accelerator where there is one.

    Raises InputError where the weights are not those that its configuration asks for, or quantized in a way that
    transformers cannot load here. Of its generation settings only token ids stay.
    """
    with naming_the_method(folder):
        loaded = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # raises without names; they are refused below
            output_loading_info=True,
        )
    model, found = cast(tuple[PreTrainedModel, dict[str, Any]], loaded)
    refuse_misfit(folder, model, found)
    if model.generation_config is not None:
        model.generation_config = token_ids_only(model.generation_config)
    model.to(device())  # pyright: ignore[reportArgumentType]  # transformers hides that `to` is a method
    return model.eval()
