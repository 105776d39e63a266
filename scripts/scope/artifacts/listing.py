"""Which artifacts lie below a folder."""

import os
from pathlib import Path

from scope.artifacts.names import TIMINGS
from scope.artifacts.partial import is_unfinished
from scope.artifacts.place import parse
from scope.artifacts.provenance import kind_of


def artifacts_below(path: str) -> list[str]:
    """The artifacts at or below a path, sorted. Neither unfinished work nor costs of steps among the timings are."""
    files = map(str, Path(path).rglob("*")) if os.path.isdir(path) else [path]
    finished = (file for file in files if not is_unfinished(file))
    return sorted(file for file in finished if kind_of(file) and _is_placed(file) and os.path.isfile(file))


def _is_placed(file: str) -> bool:
    place = parse(file)
    return place is not None and place.folder != TIMINGS
