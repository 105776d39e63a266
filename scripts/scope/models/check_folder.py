"""Checking a model folder that a user gives, before anything is spent on it."""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig, PreTrainedConfig, PreTrainedTokenizerBase

from scope.errors import InputError
from scope.models.end_tokens import end_token_ids
from scope.models.fit import refuse_misfit
from scope.models.generation import FILE
from scope.models.load import load_tokenizer
from scope.models.quantized import quantization, refuse_quantized
from scope.models.weight_files import check_is_whole, placeholders, read_tensor, weight_files

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")


def check_model_folder(folder: str | Path, *, trains: bool = False) -> None:
    """Raise InputError unless `folder` holds a causal language model whose files are whole and fit each other.

    One that `trains` must not be quantized. Only the headers of the weights are read, and of tied weights that are
    stored twice the weights themselves.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such model folder; set models.*.path to one in Hugging Face format", "no-such-folder"
        )
    config = _config(folder)
    files = weight_files(folder)
    tokenizer = _tokenizer(folder)
    _check_generation_config(folder)
    _check_end_of_text(folder, tokenizer)
    if trains:
        refuse_quantized(folder)
    if quantization(folder):
        print(f"{folder}: quantized: whether its weights fit config.json is not checked", file=sys.stderr)
        return
    _check_weights(folder, config, files)


def _config(folder: Path) -> PreTrainedConfig:
    file = folder / "config.json"
    if not (file.exists() or file.is_symlink()):
        raise InputError(
            f"{folder}: has no config.json; a model folder needs a configuration in Hugging Face format", "missing-file"
        )
    check_is_whole(file)
    try:
        json.loads(file.read_text(encoding="utf-8"))
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # each architecture's configuration raises errors of its own
        raise InputError(
            f"{file}: not the configuration of a model that transformers knows (code in a model folder is not run): "
            f"{_first_line(error)}",
            "unknown-model",
        ) from None


def _tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    present = [file for name in TOKENIZERS if (file := folder / name).exists() or file.is_symlink()]
    if not present:
        raise InputError(
            f"{folder}: has no tokenizer.json; a model folder needs a tokenizer (copy the files of the model that it "
            "was made from)",
            "missing-file",
        )
    for file in present:
        check_is_whole(file)
    return load_tokenizer(folder)


def _check_end_of_text(folder: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    if not end_token_ids(folder, tokenizer):
        raise InputError(
            f"{folder}: no EOS token that its tokenizer has; set eos_token in tokenizer_config.json or eos_token_id in "
            "generation_config.json",
            "no-eos-token",
        )


def _check_generation_config(folder: Path) -> None:
    """Raise InputError where a model folder has settings that transformers cannot read."""
    file = folder / FILE
    if not (file.exists() or file.is_symlink()):
        return
    check_is_whole(file)
    try:
        GenerationConfig.from_pretrained(folder)
    except (ValueError, OSError, TypeError, AttributeError) as error:
        raise InputError(
            f"{file}: not valid: {_first_line(error)}; correct the file or remove it (only its token ids are used)",
            "generation-config",
        ) from None


def _check_weights(folder: Path, config: PreTrainedConfig, files: list[Path]) -> None:
    tensors = placeholders(files)
    try:
        with torch.device("meta"):
            empty = AutoModelForCausalLM.from_config(config)
        model, found = type(empty).from_pretrained(
            None,
            config=empty.config,
            state_dict=dict(tensors),
            dtype=torch.bfloat16,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except Exception as error:  # each architecture raises errors of its own
        raise InputError(
            f"{folder}: transformers cannot make a causal language model of it: {_first_line(error)}", "unknown-model"
        ) from None
    refuse_misfit(folder, model, found)
    for name, source in model.all_tied_weights_keys.items():
        if {name, source} <= tensors.keys() and not torch.equal(read_tensor(files, name), read_tensor(files, source)):
            raise InputError(
                f"{folder}: {name} and {source} differ, but config.json ties them (tie_word_embeddings: true); set it "
                "to false, or remove the one that is not used",
                "tied-weights-differ",
            )


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
