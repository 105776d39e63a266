"""Model folders with quantized weights: engines run them, and transformers loads some of them; none is trained."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import AutoConfig

from scope.errors import InputError


def quantization(folder: str | Path) -> str | None:
    """How the weights in a model folder are quantized, such as `awq`, by its config.json; None where they are not."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    settings = getattr(config, "quantization_config", None)
    return str(settings.get("quant_method") or "quantization_config") if settings else None


def refuse_quantized(folder: str | Path) -> None:
    """Raise InputError where the weights in a model folder that is to be trained are quantized."""
    method = quantization(folder)
    if method:
        raise InputError(
            f"{folder}: quantized ({method}, in config.json), and only full weights can be trained; name the model "
            "that it was quantized from under models",
            "quantized",
        )


@contextmanager
def naming_the_method(folder: str | Path) -> Iterator[None]:
    """Context: errors of loading quantized weights, such as a missing package, become an InputError."""
    method = quantization(folder)
    if not method:
        yield
        return
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (ImportError, RuntimeError, ValueError, TypeError) as error:
        raise InputError(
            f"{folder}: quantized ({method}, in config.json), and transformers cannot load it here: "
            f"{(str(error) or type(error).__name__).splitlines()[0]}; name the model that it was quantized from under "
            "models, or serve it with vLLM (teacher.backend: managed or external)",
            "quantized",
        ) from None
