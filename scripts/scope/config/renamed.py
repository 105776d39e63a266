"""Renamed keys and values of the configuration: each old one is refused with its new name."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scope.config.layers import Layer, layers_of, origin
from scope.errors import InputError

_ISSUES = ("overlong", "conflicting", "broken", "unverifiable", "contaminated")
_STAGES = ("rollout", "score", "update", "evaluate")

KEYS = {
    **{f"data.{issue}": f"data.on_issue.{issue}" for issue in _ISSUES},
    "data.ngram": "data.decontamination.ngram",
    "data.decontaminate": "data.decontamination.benchmarks",
    "models.student.make": "models.student.random_init",
    "models.teacher.make": "models.teacher.random_init",
    "models.student.random_init.sft": "models.student.sft",
    "models.teacher.random_init.sft": "models.teacher.sft",
    "teacher.service": "teacher.managed",
    "teacher.service.deadline_minutes": "teacher.managed.deadline_s",
    "teacher.service.idle_minutes": "teacher.managed.idle_s",
    "evaluation.samplings": "evaluation.sampling",
    "retention.policies_every": "retention.keep_policies_every",
    "retention.best": "retention.keep_best",
    "retention.states_every": "retention.keep_states_every",
    "retention.rollouts": "retention.keep_rollouts",
    "resume": "checkpoint",
    "resume.every_s": "checkpoint.interval_s",
    "cost": "expected_cost",
    **{f"cost.{stage}.seconds": f"expected_cost.{stage}.wall_s" for stage in _STAGES},
}
"""New dotted keys by the old ones."""

VALUES = {"teacher.backend": {"in_job": "in_process", "service": "managed"}}
"""New values by the old ones, for each dotted key."""

_ABSENT = object()
Place = tuple[Any, ...]


def refuse_renamed(raw: Mapping[str, Any]) -> None:
    """Raise InputError for all old keys and values, with what to write instead; also in arms and axes of a grid."""
    layers = layers_of(raw)
    found = dict.fromkeys(line for place, settings in _parts(raw) for line in _renamed(settings, place, layers))
    if found:
        raise InputError("\n".join(found), "renamed-key")


def _parts(raw: Mapping[str, Any]) -> Iterator[tuple[Place, Any]]:
    """Each mapping of settings in a configuration, and where it is."""
    yield (), raw
    for name, override in _items(raw.get("variants")):
        yield ("variants", name), override
    for name, axis in _items(_at(raw, "grid.axes")):
        key, values = _at(axis, "key"), _at(axis, "values")
        if isinstance(key, str) and isinstance(values, Mapping | list):
            for value in values.values() if isinstance(values, Mapping) else values:
                yield ("grid", "axes", name), _nested(key, value)


def _renamed(settings: Any, place: Place, layers: Sequence[Layer]) -> Iterator[str]:
    def prefix(key: str) -> str:
        file = origin(layers, (*place, *key.split(".")), whole=False)
        return "".join(f"{part}: " for part in (file, ".".join(map(str, place))) if part)

    for old, new in KEYS.items():
        value = _at(settings, old)
        if value is not _ABSENT:
            if old.endswith("_minutes") and isinstance(value, int | float):
                value = 60 * value
            yield f"{prefix(old)}{old} is now {new}: write `{_written(new, value)}`"
    for key, values in VALUES.items():
        value = _at(settings, key)
        if isinstance(value, str) and value in values:
            yield f"{prefix(key)}{key}: {value} is now {values[value]}: write `{_written(key, values[value])}`"


def _items(section: Any) -> Iterator[tuple[Any, Any]]:
    yield from section.items() if isinstance(section, Mapping) else ()


def _at(settings: Any, key: str) -> Any:
    """The value at a dotted key; _ABSENT where there is none."""
    for part in key.split("."):
        if not isinstance(settings, Mapping) or part not in settings:
            return _ABSENT
        settings = settings[part]
    return settings


def _nested(key: str, value: Any) -> dict[str, Any]:
    """The mapping that has a value at a dotted key."""
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def _written(key: str, value: Any) -> str:
    """A value at a dotted key as one line of YAML; a section as `{...}`."""
    if isinstance(value, Mapping):
        text = "{...}"
    else:
        plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z_][\w.-]*", value)
        text = str(value) if plain else json.dumps(value, default=str)
    *sections, last = key.split(".")
    return "".join(f"{section}: {{" for section in sections) + f"{last}: {text}" + "}" * len(sections)
