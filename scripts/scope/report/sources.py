"""Which files the page was made from, and by which code and recipe they were."""

import json
from pathlib import Path
from typing import Any

from scope.artifacts import parquet
from scope.artifacts.digests import value_digest
from scope.artifacts.recipe import flat_settings


def sources(files: dict[str, list[Path]]) -> list[dict[str, Any]]:
    """Per kind of artifact and arm (or policy): how many files, and the short digests of code and recipe."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for kind, paths in files.items():
        for path in paths:
            stored = parquet.metadata(path)
            label = stored.get("variant") or stored.get("policy") or "shared"
            groups.setdefault((kind, label), []).append(stored.get("recipe", {}))
    return [{"kind": kind, "label": label, "files": len(recipes), "code": _short(r.get("code", "") for r in recipes),
             "recipes": _short(value_digest(recipe) for recipe in recipes)}
            for (kind, label), recipes in groups.items()]  # fmt: skip


def methods(batches: list[Path]) -> dict[str, str]:
    """The method of each arm, as the recipes of its batches say."""
    stored = [parquet.metadata(path) for path in batches]
    objectives = {note["variant"]: note["recipe"].get("settings", {}).get("objective", {}) for note in stored}
    return {variant: objective["method"] for variant, objective in objectives.items() if "method" in objective}


def settings_by_arm(rollouts: list[Path], batches: list[Path], metrics: list[Path]) -> list[tuple[str, dict[str, str]]]:
    """Every setting in the recipes behind an arm's files: dotted key, and its value under each arm.

    Rollouts that no arm's own policy drew count under every arm that made a batch of them.
    """
    arms = users(batches)
    table: dict[str, dict[str, str]] = {}
    for path in [*rollouts, *batches, *metrics]:
        note = parquet.metadata(path)
        for key, value in flat_settings(note["recipe"].get("settings", {})):
            if value == {}:
                continue
            table.setdefault(key, {}).update(dict.fromkeys(arms.get(str(path), [note["variant"]]), json.dumps(value)))
    return sorted(table.items())


def users(batches: list[Path]) -> dict[str, list[str]]:
    """The arms whose batches were made from a file, by its path."""
    found: dict[str, list[str]] = {}
    for note in map(parquet.metadata, batches):
        for path in note["inputs"]:
            found.setdefault(path, []).append(note["variant"])
    return found


def _short(digests: Any) -> list[str]:
    return sorted({digest[:12] for digest in digests})
