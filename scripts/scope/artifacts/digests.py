"""Digests: SHA-256 of files and of JSON values."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def value_digest(value: Any) -> str:
    """SHA-256 of a JSON value, the order of its keys of no account."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def input_digests(paths: Iterable[str | Path]) -> dict[str, str]:
    """Digest of each input by its path as given."""
    return {str(path): file_digest(path) for path in paths}
