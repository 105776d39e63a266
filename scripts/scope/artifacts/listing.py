"""Which artifacts lie below a folder."""

import os
from pathlib import Path

from scope.artifacts.partial import is_unfinished
from scope.artifacts.place import parse
from scope.artifacts.provenance import kind_of


def artifacts_below(path: str) -> list[str]:
    """The artifacts at or below a path, sorted; unfinished work is none."""
    files = map(str, Path(path).rglob("*")) if os.path.isdir(path) else [path]
    finished = (file for file in files if not is_unfinished(file))
    return sorted(file for file in finished if kind_of(file) and parse(file) and os.path.isfile(file))
