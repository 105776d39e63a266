"""Grids: axes x values expanded to named variants.

A cell is named after its variant and the axes in which it differs from the variant, sorted by name:
`scope-lr=1e-05-tau=0.5`. A value equal to the variant's is left out. So a new value renames nothing, and neither does a
new axis that includes the previous value. Only cells have an `=` in their name, and neither the name
of an axis has a `-` nor a value an `=`: two cells, or a cell and a variant, never share a name.
"""

import itertools
import re
from collections.abc import Mapping
from typing import Any

from scope.config.grid import Axis, Grid
from scope.errors import InputError

VALUE = re.compile(r"^[A-Za-z0-9.+-][A-Za-z0-9._+-]*$")


def expand(grid: Grid, resolved: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, list[tuple[str, Any]]]]:
    """Cells by name: the variant of each, and the (dotted key, value) pairs merged into it.

    `resolved` has the complete settings of each of `grid.variants`, defaults included.
    """
    _keys_apart(grid)
    axes = sorted((name, axis.key, labelled(name, axis.values)) for name, axis in grid.axes.items())
    cells = {}
    for variant, values in itertools.product(
        grid.variants, itertools.product(*(values.items() for *_, values in axes))
    ):
        chosen = [
            (name, key, label, value)
            for (name, key, _), (label, value) in zip(axes, values, strict=True)
            if not _holds(resolved[variant], key, value)
        ]
        name = "".join([variant, *(f"-{axis}={label}" for axis, _, label, _ in chosen)])
        cells[name] = (variant, [(key, value) for _, key, _, value in chosen])
    return cells


def labelled(axis: str, values: list[Any] | dict[str, Any]) -> dict[str, Any]:
    """The values of an axis by their label in names; labels are unique."""
    pairs = list(values.items()) if isinstance(values, dict) else [(label_of(value), value) for value in values]
    labels = [label for label, _ in pairs]
    for label in labels:
        if not VALUE.match(label):
            raise InputError(f"grid.axes.{axis}.values: {label!r} is not valid in a folder's name; write a mapping "
                             "from a label (letters, digits, . _ + -) to the value", "invalid-name")  # fmt: skip
        if labels.count(label) > 1:
            raise InputError(f"grid.axes.{axis}.values: {label} is listed twice; remove one", "repeated-label")
    return dict(pairs)


def label_of(value: Any) -> str:
    """A value as it is written in a name: 1 and 1.0 are equal, all other values differ."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _holds(settings: Any, key: str, value: Any) -> bool:
    """Whether the settings already have this value at a dotted key."""
    for part in key.split("."):
        if not isinstance(settings, Mapping) or part not in settings:
            return False
        settings = settings[part]
    if isinstance(value, Mapping):
        return all(_holds(settings, inner, wanted) for inner, wanted in value.items())
    return (type(value) is not bool and settings == value) or settings is value


def _keys_apart(grid: Grid) -> None:
    """Two axes may not set the same key: the result would depend on their names."""
    sets = {
        name: {key for value in _values(axis) for key in _leaves(axis.key, value)} for name, axis in grid.axes.items()
    }
    for (one, keys), (other, others) in itertools.combinations(sets.items(), 2):
        if keys & others:
            raise InputError(
                f"grid.axes: {one} and {other} both set {min(keys & others)}; make them one axis", "overlapping-axes"
            )


def _values(axis: Axis) -> list[Any]:
    return list(axis.values.values() if isinstance(axis.values, dict) else axis.values)


def _leaves(key: str, value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [leaf for inner, wanted in value.items() for leaf in _leaves(f"{key}.{inner}", wanted)]
    return [key]
