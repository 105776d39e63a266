"""Digests: SHA-256 of files and of JSON values."""

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def value_digest(value: Any) -> str:
    """SHA-256 of a JSON value, the order of its keys of no account."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def file_digests(paths: Iterable[str | Path]) -> dict[str, str]:
    """SHA-256 of each file by its path as given; several are read at once."""
    names = [str(path) for path in paths]
    with ThreadPoolExecutor() as threads:
        return dict(zip(names, threads.map(file_digest, names), strict=True))
