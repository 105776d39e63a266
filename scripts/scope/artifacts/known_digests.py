"""Digests of the user's own files, kept so that each is hashed once and found again where it was moved to.

A digest is used for as long as path, size, times and inode stay the same.
"""

import json
from pathlib import Path

from scope.artifacts.atomic import atomic
from scope.artifacts.digests import file_digest

KNOWN = Path(".snakemake/digests.json")

Stat = list[int]


def kept_digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes."""
    file = Path(path).resolve()
    found = file.stat()
    stat = [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
    known = known_digests()
    kept_stat, kept = known.get(str(file), ([], ""))
    if kept_stat == stat:
        return kept
    made = file_digest(file)
    KNOWN.parent.mkdir(exist_ok=True)
    with atomic(KNOWN) as temporary:
        temporary.write_text(json.dumps({**known, str(file): (stat, made)}), encoding="utf-8")
    return made


def known_digests() -> dict[str, tuple[Stat, str]]:
    """The digests that are kept, by real path; none where their file cannot be read."""
    try:
        return {path: (stat, kept) for path, (stat, kept) in json.loads(KNOWN.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
