"""The files of a model's folder that decide what it computes: configuration, weights, tokenizer, chat templates.

Others, such as a README or weights in formats that are not loaded, are no part of the model.
"""

from collections.abc import Mapping
from pathlib import Path

from scope.artifacts.digests import file_digests, value_digest
from scope.errors import InputError

PATTERNS = (
    "*.json",
    "*.safetensors",
    "*.jinja",
    "additional_chat_templates/*.jinja",
    "*.model",
    "*.tiktoken",
    "merges.txt",
    "vocab.txt",
)


def model_files(folder: str | Path) -> dict[str, Path]:
    """The files that count, by their name below the folder, sorted."""
    found = {path for pattern in PATTERNS for path in Path(folder).glob(pattern) if path.is_file()}
    return {str(path.relative_to(folder)): path for path in sorted(found)}


def content_of(digests: Mapping[str, str]) -> str:
    """One digest of a model's files, from the digest of each by its name."""
    return value_digest(dict(digests))


def checked_digests(folder: str | Path, content: str | None) -> dict[str, str]:
    """The digest of each file that counts. Raises InputError where they are not the planned content."""
    files = model_files(folder)
    digests = dict(zip(files, file_digests(files.values()).values(), strict=True))
    if content_of(digests) != content:
        raise InputError(
            f"{folder}: its files are not those that this job was planned with; start the run again", "changed-file"
        )
    return digests
