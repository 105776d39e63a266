"""The lineage of an artifact: its inputs, their inputs, and so on, from its provenance."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

from scope.artifacts import names
from scope.artifacts.digests import value_digest
from scope.artifacts.provenance import digest_of, kind_of, local, read_provenance
from scope.errors import InputError

SHORT = 12


def are_digests(value: Any, digits: int = 64) -> TypeGuard[dict[str, str]]:
    """Whether a value read from JSON maps printable names to digests of so many hexadecimal digits."""
    if not isinstance(value, dict):
        return False
    return all(
        name.isprintable() and isinstance(digest, str) and re.fullmatch(f"[0-9a-f]{{{digits}}}", digest)
        for name, digest in value.items()
    )


def inputs_of(provenance: dict[str, Any]) -> dict[str, str]:
    """The recorded digest of each input; empty where the record is not of that form."""
    return provenance["inputs"] if are_digests(provenance.get("inputs")) else {}


def gaps(provenance: dict[str, Any]) -> list[str]:
    """The parts that are missing from an artifact's provenance."""
    recipe = _recipe(provenance)
    complete = {
        "recipe.code": isinstance(recipe.get("code"), str) and recipe["code"],
        "recipe.script": isinstance(recipe.get("script"), str) and recipe["script"],
        "recipe.settings": isinstance(recipe.get("settings"), dict),
        "modules": are_digests(provenance.get("modules"), 16) and provenance["modules"],
        "inputs": are_digests(provenance.get("inputs")),
    }
    return [name for name in complete if not complete[name]]


def dropped_files(experiment: str) -> frozenset[str]:
    """The files that the experiment's retired.json files list as deleted on purpose.

    Raises InputError that names a retired.json without such a list.
    """
    dropped: set[str] = set()
    for path in sorted(Path(experiment).rglob(names.RETIRED)):
        try:
            dropped.update(map(local, json.loads(path.read_text(encoding="utf-8"))["dropped"]))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            raise InputError(f"{path}: lists no dropped files; restore it, or delete it", "unreadable-file") from None
    return frozenset(dropped)


def tree(path: str) -> Iterator[str]:
    """Lines of the tree of what one artifact was made from, each file in full once, then its own settings.

    Raises InputError when `path` is no artifact or cannot be read.
    """
    top = local(path)
    if not kind_of(top) or not os.path.isfile(top):
        known = f"a .parquet file, a folder's {names.MANIFEST} or a {names.REPORT}"
        raise InputError(f"{path}: not an artifact; name {known}", "not-an-artifact")
    provenance = read_provenance(top)
    seen: set[str] = set()
    pending = [(0, top, "")]
    while pending:
        depth, file, recorded = pending.pop()
        if file in seen:
            yield f"{'  ' * depth}{file}  {recorded[:SHORT]}  (above)"
            continue
        seen.add(file)
        line, inputs = _describe(file, recorded)
        yield "  " * depth + line
        pending.extend((depth + 1, local(given), digest) for given, digest in sorted(inputs.items(), reverse=True))
    yield from _settings(provenance)


def _describe(path: str, recorded: str) -> tuple[str, dict[str, str]]:
    """A file's line, and its inputs."""
    digest = digest_of(path)
    if digest is None:
        return f"{path}  {recorded[:SHORT]}  (not found)", {}
    words = [path, digest[:SHORT]]
    if recorded not in ("", digest):
        words.append(f"(was {recorded[:SHORT]} when used)")
    try:
        provenance = read_provenance(path) if kind_of(path) else {}
    except InputError:
        return "  ".join([*words, "(not readable)"]), {}
    return "  ".join([*words, *_maker(provenance)]), inputs_of(provenance)


def _recipe(provenance: dict[str, Any]) -> dict[str, Any]:
    return provenance["recipe"] if isinstance(provenance.get("recipe"), dict) else {}


def _maker(provenance: dict[str, Any]) -> list[str]:
    recipe = _recipe(provenance)
    if not recipe:
        return []
    whole = value_digest(recipe)
    script = str(recipe.get("script", "(script not recorded)"))
    return [script, f"code {str(recipe.get('code'))[:SHORT]}", f"recipe {whole[:SHORT]}"]


def _settings(provenance: dict[str, Any]) -> list[str]:
    settings = _recipe(provenance).get("settings")
    settings = settings if isinstance(settings, dict) else {}
    return [f"{key}: {json.dumps(value, sort_keys=True)}" for key, value in sorted(settings.items())]
