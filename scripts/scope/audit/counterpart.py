"""What lies where a file would, had it been made with other settings: folders of shared work are named after theirs."""

import re
from pathlib import Path
from typing import Any

from scope.artifacts.diff import changed_settings
from scope.artifacts.names import SHARED
from scope.artifacts.place import parse
from scope.artifacts.provenance import kind_of, read_provenance

NAMED_AFTER_SETTINGS = re.compile(r"(?<=/)([a-z]+(?:_[a-z]+)*)[-_][^/]*?[0-9a-f]{10}(?=[/.]|$)")
"""A folder such as `student-n8-T1-0123456789`, or a file such as `check_teacher_0123456789`; its first words."""


def settings_since(path: str, settings: dict[str, Any]) -> list[str]:
    """A line per setting in which the shared file that `settings` would make differs from the one most like it."""
    found = {}
    for other in _counterparts(path):
        changes = changed_settings(read_provenance(other)["recipe"]["settings"], settings)
        *_, name = NAMED_AFTER_SETTINGS.finditer(other)
        found[other] = [f"{line}, compared with {other[: name.end()]}" for line in changes]
    return min(found.values(), key=len, default=[])


def _counterparts(path: str) -> list[str]:
    """Files in its place under other names of settings, in order of their names."""
    place, pattern = parse(path), NAMED_AFTER_SETTINGS.sub(r"\1*", path)
    if place is None or place.arm != SHARED or pattern == path:
        return []
    found = sorted(map(str, Path().glob(pattern)))
    return [other for other in found if kind_of(other) and NAMED_AFTER_SETTINGS.search(other)]
