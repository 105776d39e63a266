"""Which of the files that are laid over each other gave a value of the configuration."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Layer = tuple[str, Mapping[str, Any]]
"""The name of a file, or of the command line's `--config`, and what it holds."""


class Layered(dict[str, Any]):
    """A configuration of several layers: their values merged, and the layers, the first at the bottom."""

    def __init__(self, values: Mapping[str, Any], layers: Iterable[Layer] = ()):
        super().__init__(values)
        self.layers = list(layers)


def layers_of(raw: Mapping[str, Any]) -> list[Layer]:
    """The layers of a configuration; none of one that was not read from files."""
    return raw.layers if isinstance(raw, Layered) else []


def origin(layers: Sequence[Layer], place: Sequence[Any], *, whole: bool) -> str:
    """The layer that gave the value at a place, else the nearest section around it; empty where none has any of it.

    With `whole` all layers that have a part of the value, as of a section whose keys do not fit together. A layer that
    has no section where another one has it, such as `sft: null`, takes away what it and layers below it gave.
    """
    ends = [at for at, (_, values) in enumerate(layers) if _ends(values, place)]
    layers = layers[ends[-1] + 1 :] if ends else layers
    depths = [_depth(values, place) for _, values in layers]
    deepest = max(depths, default=0)
    names = [name for (name, _), depth in zip(layers, depths, strict=True) if depth == deepest]
    return ", ".join(names if whole else names[-1:]) if deepest or not place else ""


def file_of(raw: Mapping[str, Any], *place: Any) -> str:
    """The file that an error at a place names; `config` for a configuration that was not read from files."""
    return origin(layers_of(raw), place, whole=False) or "config"


def _depth(values: Any, place: Sequence[Any]) -> int:
    """How many parts of a place, from the top, a layer has."""
    for depth, part in enumerate(place):
        if not isinstance(values, Mapping) or part not in values:
            return depth
        values = values[part]
    return len(place)


def _ends(values: Any, place: Sequence[Any]) -> bool:
    """Whether a layer has a value other than a section on the way to a place."""
    depth = _depth(values, place)
    for part in place[:depth]:
        values = values[part]
    return depth < len(place) and not isinstance(values, Mapping)
