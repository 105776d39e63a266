"""The project's text uses terms that people search for: no private word of tests/plain_words.py comes back."""

import re

import pytest

from conftest import ROOT
from plain_words import private_words

COVERED = (
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "Makefile",
    "README.md",
    "Snakefile",
    "config",
    "dev",
    "docs",
    "envs",
    "profiles",
    "scripts",
    "workflow",
)
"""Files, and folders with everything in them."""

TECHNICAL = {
    r"pages? checksums?|page_checksum\w*": "Parquet's own term",
    "huge pages": "Linux's term",
}
"""Phrases anywhere that hold a private word in a technical meaning, and why."""

IN_FILES = {
    # file and columns of earlier versions, in the table of what was renamed
    "CHANGELOG.md": r"\*\.faults\.parquet|`fault`|`fate`",
}
"""Words in single files that have a technical meaning there."""


def covered() -> list[str]:
    roots = [ROOT / name for name in COVERED]
    files = [file for root in roots for file in ([root] if root.is_file() else sorted(root.rglob("*")))]
    return [str(file.relative_to(ROOT)) for file in files if file.is_file() and file.suffix not in (".png", ".pyc")]


def without(text: str, allowed: str) -> str:
    """The text with allowed phrases replaced by dots, so that line numbers stay."""
    phrase = re.compile(rf"(?<![A-Za-z])(?:{allowed})(?![A-Za-z])", re.IGNORECASE)
    return phrase.sub(lambda match: re.sub(r"\S", ".", match[0]), text)


def found(name: str) -> list[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    for allowed in [*TECHNICAL, *filter(None, [IN_FILES.get(name)])]:
        text = without(text, allowed)
    return [f"{name}:{line}: {word!r}: {instead}" for line, word, instead in private_words(text)]


def test_no_file_uses_a_private_word():
    assert [line for name in covered() for line in found(name)] == []


def test_no_test_has_a_private_word_in_its_name():
    for file in (ROOT / "tests").rglob("test_*.py"):
        names = re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
        assert [name for name in names if list(private_words(name))] == [], file.name


def test_every_exception_is_needed():
    for name, allowed in IN_FILES.items():
        assert re.search(allowed, (ROOT / name).read_text(encoding="utf-8"), re.IGNORECASE), name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rollouts are\n    # drawn at hand", ["drawn", "at hand"]),
        ("read_faults(path)", ["faults"]),
        ("withdrawn, handmade, homepage, default", []),
    ],
)
def test_words_are_found_in_prose_across_lines_and_in_identifiers(text, words):
    assert [word for _, word, _ in private_words(text)] == words
