"""What to do about a file of results that does not match what was recorded.

A deleted file from which others were made is not made again by itself, as those that the retention policy deletes, so
it is asked for by name.
"""

import os

from scope.artifacts.names import MANIFEST
from scope.audit.outside import is_outside

FOLLOWS = "run again, and what was made from it follows"


def again(path: str) -> str:
    """How to make an artifact again."""
    return f"remove it and make it again by name (snakemake {path})"


def put_back(path: str) -> str:
    """What to do where a file lies in another one's place."""
    return f"put the right file back, or {again(path)}"


def of_changed(file: str, makers: list[str], *, damaged: bool) -> str:
    """For a file that is not the one that its makers recorded; `damaged` if it does not even match itself."""
    if is_outside(file):
        return f"restore it, or {FOLLOWS}"
    if manifest := _sealed_by(file, makers):
        return f"it was edited or damaged: restore it, or remove {manifest} and make it again by name"
    if damaged:
        return f"it was edited or damaged: restore it, or {again(file)}"
    return f"if it was edited, restore it, or {again(file)}; if it was made again, {FOLLOWS}"


def of_missing(file: str, makers: list[str]) -> str:
    """For a file that is not found, or cannot be read."""
    if is_outside(file):
        return f"restore it, or {FOLLOWS}"
    if manifest := _sealed_by(file, makers):
        return f"restore it, or remove {manifest} and make it again by name"
    return f"restore it, or {again(file)}"


def of_copy(folder: str, other: str, artifacts: int) -> str:
    """For a folder many of whose artifacts were made from files of another experiment."""
    return (
        f"{folder}: {artifacts} artifacts were made from files in {other}, so this folder is a copy of it, or was "
        f"renamed: remove the copy, or name it {other} again"
    )


def _sealed_by(file: str, makers: list[str]) -> str | None:
    """The manifest of the sealed folder that a file lies in."""
    manifests = (maker for maker in makers if os.path.basename(maker) == MANIFEST and maker != file)
    return next((path for path in manifests if file.startswith(os.path.dirname(path) + os.sep)), None)
