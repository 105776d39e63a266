"""The files that the report was made from, and their code and recipes."""

import json
from collections import Counter
from typing import Any

from scope.artifacts.accepted import Acceptance
from scope.artifacts.digests import value_digest
from scope.artifacts.names import SHARED
from scope.artifacts.recipe import flat_settings
from scope.report.load import Artifact


def sources(artifacts: dict[str, list[Artifact]]) -> list[dict[str, Any]]:
    """Per kind of artifact and arm (or policy): how many files, and the short digests of code and recipe."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for kind, files in artifacts.items():
        for stored in (file.metadata for file in files):
            label = stored.get("arm") or stored.get("policy") or SHARED
            groups.setdefault((kind, label), []).append(stored.get("recipe", {}))
    return [
        {
            "kind": kind,
            "label": label,
            "files": len(recipes),
            "code": _short(r.get("code", "") for r in recipes),
            "recipes": _short(value_digest(recipe) for recipe in recipes),
        }
        for (kind, label), recipes in groups.items()
    ]


def accepted(artifacts: dict[str, list[Artifact]]) -> list[tuple[str, int]]:
    """Every change of code that was accepted as altering no result, and how many files the new code made."""
    records = (
        Acceptance(**record)
        for files in artifacts.values()
        for file in files
        for record in file.metadata.get("accepted", {}).get("records", [])
    )
    return sorted(Counter(record.describe() for record in records).items())


def methods(batches: list[Artifact]) -> dict[str, str]:
    """The method of each arm, as the recipes of its batches say."""
    stored = [batch.metadata for batch in batches]
    objectives = {one["arm"]: one["recipe"].get("settings", {}).get("objective", {}) for one in stored}
    return {arm: objective["method"] for arm, objective in objectives.items() if "method" in objective}


def settings_by_arm(
    rollouts: list[Artifact], batches: list[Artifact], metrics: list[Artifact]
) -> list[tuple[str, dict[str, str]]]:
    """Every setting in the recipes behind an arm's files: dotted key, and its value under each arm.

    Rollouts that arms share count under every arm whose batch was made from them.
    """
    arms = users(batches)
    table: dict[str, dict[str, str]] = {}
    for file in [*rollouts, *batches, *metrics]:
        stored = file.metadata
        for key, value in flat_settings(stored["recipe"].get("settings", {})):
            if value == {}:
                continue
            table.setdefault(key, {}).update(
                dict.fromkeys(arms.get(str(file.path), [stored["arm"]]), json.dumps(value))
            )
    return sorted(table.items())


def users(batches: list[Artifact]) -> dict[str, list[str]]:
    """The arms whose batches were made from a file, by its path."""
    found: dict[str, list[str]] = {}
    for batch in batches:
        for path in batch.metadata["inputs"]:
            found.setdefault(path, []).append(batch.metadata["arm"])
    return found


def _short(digests: Any) -> list[str]:
    return sorted({digest[:12] for digest in digests})
