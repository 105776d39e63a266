"""The size of a model folder's weights, from the headers of its safetensors files alone."""

import json
import math
import struct
from pathlib import Path
from typing import NamedTuple

INDEX = "model.safetensors.index.json"


class Weights(NamedTuple):
    """Bytes of the files, and numbers in their tensors."""

    bytes: int
    parameters: int


def weights_in(folder: str) -> Weights | None:
    """The weights of a model's folder, those of its index where it has one; None for a model to make.

    Damaged files have no parameters here: the stage `model` refuses them before anything is trained.
    """
    if not folder:
        return None
    files = [file for file in _files(Path(folder)) if file.is_file()]
    return Weights(sum(file.stat().st_size for file in files), sum(map(_parameters, files)))


def parameters_in(folder: str | Path) -> int | None:
    """Parameters of a model's folder; None where its weights are packed (quantized), or their headers unreadable."""
    try:
        packed = "quantization_config" in json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        packed = False
    weights = None if packed else weights_in(str(folder))
    return weights.parameters or None if weights else None


def _files(folder: Path) -> list[Path]:
    try:
        listed = json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values()
        return [folder / name for name in sorted(set(listed))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        single = folder / "model.safetensors"
        return [single] if single.is_file() else sorted(folder.glob("*.safetensors"))


def _parameters(file: Path) -> int:
    try:
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            header = json.loads(opened.read(min(length, file.stat().st_size)))
        return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        return 0
