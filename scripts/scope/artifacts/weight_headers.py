"""The size of a model folder's weights, from the headers of its safetensors files alone."""

import json
import math
import struct
from pathlib import Path
from typing import NamedTuple

INDEX = "model.safetensors.index.json"
WEIGHT = ".weight"


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


def matrices_in(folder: str) -> dict[str, tuple[int, int]]:
    """Rows and columns of every matrix, by the name of its layer; none of what is quantized or cannot be read."""
    found = {}
    for file in filter(Path.is_file, _files(Path(folder))):
        for name, shape in _shapes(file).items():
            if name.endswith(WEIGHT) and len(shape) == 2:
                found[name.removesuffix(WEIGHT)] = (shape[0], shape[1])
    return found


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
    return sum(map(math.prod, _shapes(file).values()))


def _shapes(file: Path) -> dict[str, list[int]]:
    """The shape of each tensor; none of a damaged file."""
    try:
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            header = json.loads(opened.read(min(length, file.stat().st_size)))
        header.pop("__metadata__", None)
        return {name: [int(size) for size in tensor["shape"]] for name, tensor in header.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        return {}
