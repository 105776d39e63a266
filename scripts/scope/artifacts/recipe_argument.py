"""The argument --recipe: the text of a recipe, or a file that holds one, named after its content by the workflow."""

import hashlib
from pathlib import Path

from scope.errors import InputError

DIGITS = 20


def recipe_digest(text: str) -> str:
    """The digest of a recipe: the name of its file."""
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def read_recipe_argument(value: str) -> str:
    """The recipe that a command line was given. Raises InputError for a file that does not exist or was changed."""
    if value.lstrip().startswith("{"):
        return value
    path = Path(value)
    try:
        text = path.read_text(encoding="utf-8").rstrip("\n")
    except OSError:
        raise InputError(
            f"--recipe {value}: not found; `python scripts/recipe.py STAGE` prints a recipe", "no-such-file"
        ) from None
    if len(path.stem) == DIGITS and path.stem != recipe_digest(text):
        raise InputError(
            f"--recipe {value}: its content does not have this digest; delete it and start the run again",
            "changed-file",
        )
    return text
