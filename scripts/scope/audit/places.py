"""Whether artifacts, and what they were made from, lie where they were made for."""

from typing import Any

from scope.artifacts.layout import Layout
from scope.artifacts.names import SHARED
from scope.artifacts.place import artifact_place, parse
from scope.audit.remedies import put_back


def wrong_labels(path: str, provenance: dict[str, Any]) -> list[str]:
    """Problems of an artifact whose labels name another arm, seed, round or policy than the place where it lies."""
    place = artifact_place(path)
    here = {"arm": place.arm, "seed": place.seed, "round": place.round, "policy": place.policy or place.arm}
    labels = {key: provenance[key] for key in here if None not in (provenance.get(key), here[key])}
    return [
        f"mixed-up: recorded as {key} {label!r}, found in {key} {here[key]!r}; {put_back(path)}"
        for key, label in labels.items()
        if label != here[key]
    ]


def other_experiment(path: str, given: str) -> str | None:
    """The folder of the experiment that an input is of, if not of that of the artifact."""
    other = parse(given)
    return Layout(other.experiment).root if other and other.experiment != artifact_place(path).experiment else None


def foreign_input(path: str, given: str, start: str | None = None) -> list[str]:
    """Problems of an artifact in results/ whose input lies where nothing was made for it.

    `start` is `arm/round` of the policy that the artifact's arm starts from, as it records it.
    """
    own, other = artifact_place(path), parse(given)
    if other is None:
        return []
    if own.seed is None and own.arm != SHARED:
        return []
    if start == f"{other.folder}/{other.round}" and other.kind == "policy" and other.seed == own.seed:
        return []
    for_all = other.folder == SHARED or (other.arm == SHARED and own.arm != SHARED)
    differs = {
        "arm": not for_all and other.folder != own.folder,
        "seed": None not in (own.seed, other.seed) and own.seed != other.seed,
        "round": own.round is not None and other.round is not None and own.round - other.round not in (0, 1),
    }
    return [f"mixed-up: made from {given}, of another {key}; {put_back(path)}" for key in differs if differs[key]]
