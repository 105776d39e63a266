"""The user's own files that artifacts were made from: they lie outside of results/, and may be moved."""

import os
from collections.abc import Callable
from functools import cached_property

from scope.artifacts.known_digests import known_digests
from scope.artifacts.names import RESULTS


def is_outside(path: str) -> bool:
    """Whether a path leads to a file outside of results/, links followed."""
    return not os.path.realpath(path).startswith(os.path.realpath(RESULTS) + os.sep)


class Moved:
    """Files that planning has seen since, found again by their content."""

    def __init__(self, digest: Callable[[str], str | None]):
        self._digest = digest

    def holds(self, recorded: str) -> bool:
        """Whether a file of this content lies elsewhere now."""
        return any(self._digest(path) == recorded for path in self._places.get(recorded, ()))

    @cached_property
    def _places(self) -> dict[str, list[str]]:
        places: dict[str, list[str]] = {}
        for path, (_, digest) in known_digests().items():
            places.setdefault(digest, []).append(path)
        return places
