"""Recipes as files named after their content: the digest is a rule's one parameter, the file is what its job reads."""

import hashlib
from pathlib import Path

from scope.artifacts.atomic import atomic
from scope.artifacts.layout import Layout
from scope.errors import InputError

DIGITS = 20
_PLANNED: dict[str, str] = {}  # text by digest, of every recipe that this process planned with
_WRITTEN: dict[str, set[str]] = {}  # digests that exist, by folder


def recipe_digest(text: str) -> str:
    """The digest of a recipe: the name of its file."""
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def plan_recipe(layout: Layout, text: str, *, write: bool) -> str:
    """The digest of a recipe that a job is planned with; with `write` its file exists from now on.

    Processes on several machines may plan the same job at once: a file appears whole, and all write the same.
    """
    digest = recipe_digest(text)
    _PLANNED[digest] = text
    if write:
        folder = Path(layout.recipes)
        written = _WRITTEN.setdefault(layout.recipes, {path.stem for path in folder.glob("*.json")})
        if digest not in written:
            with atomic(layout.recipe(digest)) as temporary:
                temporary.write_text(text + "\n")
            written.add(digest)
    return digest


def planned_recipe(digest: str) -> str:
    """The recipe behind a digest that this process planned with."""
    return _PLANNED[digest]


def read_recipe_argument(value: str) -> str:
    """The recipe that a command line was given: its text, or the path of a file that holds it."""
    if value.lstrip().startswith("{"):
        return value
    path = Path(value)
    try:
        text = path.read_text().rstrip("\n")
    except OSError:
        if path.stem in _PLANNED:
            return _PLANNED[path.stem]
        raise InputError(
            f"--recipe {value}: file not found; `python scripts/recipe.py STAGE` prints a recipe"
        ) from None
    if len(path.stem) == DIGITS and path.stem != recipe_digest(text):
        raise InputError(f"--recipe {value}: the content does not have this digest; delete the file and run again")
    return text
