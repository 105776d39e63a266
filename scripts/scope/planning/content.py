"""What the user's own files hold: models and rows of problems count by their content, not by where they lie.

A large file is hashed once: its digest is kept, and used for as long as path, size, times and inode stay the same.
"""

import json
from pathlib import Path

from scope.artifacts.atomic import atomic
from scope.artifacts.digests import file_digest
from scope.config.data import ProblemFile
from scope.config.experiment import Config, expand_path
from scope.errors import InputError
from scope.models.files import content_of, model_files
from scope.prompts.hub import row_files

KNOWN = Path(".snakemake/digests.json")
LARGE = 1_000_000
"""Bytes from which on a digest is kept."""

Stat = list[int]


def digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes."""
    file = Path(path).resolve()
    found = file.stat()
    if found.st_size < LARGE:
        return file_digest(file)
    stat = [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
    kept_stat, kept = known().get(str(file), ([], ""))
    if kept_stat == stat:
        return kept
    made = file_digest(file)
    KNOWN.parent.mkdir(exist_ok=True)
    with atomic(KNOWN) as temporary:
        temporary.write_text(json.dumps({**known(), str(file): (stat, made)}), encoding="utf-8")
    return made


def known() -> dict[str, tuple[Stat, str]]:
    """The digests that are kept, by real path; none where their file cannot be read."""
    try:
        return {path: (stat, kept) for path, (stat, kept) in json.loads(KNOWN.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def model_folder(config: Config, name: str) -> str:
    """The folder of a model that exists; empty for one to make. Raises InputError where there is no such folder."""
    path = getattr(config.models, name).path
    try:
        folder = expand_path(path) if path else ""
    except InputError as error:
        raise InputError(f"models.{name}.path: {error}", error.code) from None
    if folder and not Path(folder).is_dir():
        raise InputError(
            f"models.{name}.path: {folder} is not a folder; give a model in Hugging Face format", "no-such-folder"
        )
    return folder


def model_content(folder: str) -> str | None:
    """The digest of what a model's folder holds; None for a model to make."""
    return content_of({name: digest(path) for name, path in model_files(folder).items()}) if folder else None


def rows_content(rows: ProblemFile) -> list[str]:
    """The digest of each file of problems that a section names, in their order; only of those that exist."""
    return [digest(path) for path in row_files(rows) if Path(path).is_file()]
