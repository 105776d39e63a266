"""Loading causal language models in Hugging Face format; safetensors only, no remote code."""

from pathlib import Path
from typing import cast

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from scope.errors import InputError


def device() -> torch.device:
    """The accelerator where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def check_model_folder(folder: str | Path) -> None:
    """Raise InputError unless `folder` holds a configuration, safetensors weights and a tokenizer."""
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such model folder; set models.*.path to one in Hugging Face format", "no-such-folder"
        )
    for pattern, what in (
        ("config.json", "a configuration"),
        ("*.safetensors", "safetensors weights"),
        ("tokenizer*", "a tokenizer"),
    ):
        if not any(folder.glob(pattern)):
            raise InputError(
                f"{folder}: has no {pattern}; a model folder needs {what} (other formats are not loaded)",
                "missing-file",
            )


def load_tokenizer(folder: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer in a model folder."""
    return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def stored_dtype(folder: str | Path) -> torch.dtype:
    """The number format that a model folder's configuration names; float32 where it names none."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    return cast(torch.dtype, config.dtype or torch.float32)


def load_model(folder: str | Path, dtype: str) -> PreTrainedModel:
    """The model in a folder, in evaluation mode, on the accelerator where there is one."""
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=getattr(torch, dtype), local_files_only=True, trust_remote_code=False, use_safetensors=True
    )
    model.to(device())  # pyright: ignore[reportArgumentType]  # transformers hides that `to` is a method
    return model.eval()
