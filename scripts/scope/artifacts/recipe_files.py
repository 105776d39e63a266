"""Recipes as files named after their content: the digest is a rule's one parameter, the file is what its job reads."""

from pathlib import Path

from scope.artifacts.atomic import atomic
from scope.artifacts.layout import Layout
from scope.artifacts.recipe_argument import recipe_digest

_PLANNED: dict[str, str] = {}  # text by digest, of every recipe that this process planned with
_WRITTEN: dict[str, set[str]] = {}  # digests that exist, by folder


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
                temporary.write_text(text + "\n", encoding="utf-8")
            written.add(digest)
    return digest


def planned_recipe(digest: str) -> str:
    """The recipe behind a digest that this process planned with."""
    return _PLANNED[digest]
