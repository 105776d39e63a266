"""The recipe of a stage: its script, the fingerprint of its code, and the settings that decide what it computes.

A recipe is one line of sorted JSON and the single parameter of the stage's rule. Every Parquet file and model folder
carries it, with the fingerprint of each module behind it and the digests of its inputs.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scope.artifacts.digests import input_digests
from scope.artifacts.fingerprint import fingerprint, modules
from scope.errors import InputError


def make_recipe(script: str, settings: dict[str, Any]) -> str:
    """The recipe of a stage, given its script and its settings by dotted key, as one line of sorted JSON."""
    name = f"{script}.py"
    return json.dumps({"code": fingerprint(name), "script": name, "settings": settings}, sort_keys=True)


def check_recipe(text: str, script: str) -> None:
    """Make sure that a recipe is one of `script`, planned with the code that runs now.

    Raises InputError for anything else than a recipe, and for one of other code: what it would make could carry
    neither this recipe nor the planned one.
    """
    try:
        recipe = json.loads(text)
        planned, planned_script = recipe["code"], recipe["script"]
        recipe["settings"].items()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError("--recipe is no recipe; `python scripts/recipe.py STAGE` prints one") from None
    if planned_script != script:
        raise InputError(f"--recipe is one of {planned_script}, not of {script}; `python scripts/recipe.py STAGE` "
                         "prints another")  # fmt: skip
    if fingerprint(script) != planned:
        raise InputError(f"{script} or a module that it imports was edited after this job was planned; start the run "
                         "again, so that every artifact names the code that made it")  # fmt: skip


def make_provenance(recipe: str, inputs: list[str | Path]) -> dict[str, Any]:
    """What an artifact says of its making: its recipe, the modules behind it, and the digests of its inputs."""
    made_by = json.loads(recipe)
    return {"recipe": made_by, "modules": modules(made_by["script"]), "inputs": input_digests(inputs)}


class Settings:
    """Settings of a recipe as nested attributes; asking for one that is not there is bad input."""

    def __init__(self, tree: dict[str, Any], name: str = "recipe"):
        self._name = name
        for key, value in tree.items():
            setattr(self, key, Settings(value, f"{name}.{key}") if isinstance(value, dict) else value)

    def as_dict(self) -> dict[str, Any]:
        """The settings as plain mappings, for sections whose keys are names."""
        items = {key: value for key, value in vars(self).items() if key != "_name"}
        return {key: value.as_dict() if isinstance(value, Settings) else value for key, value in items.items()}

    def __getattr__(self, key: str) -> Any:
        raise InputError(f"--{self._name} lacks {key!r}; `python scripts/recipe.py STAGE` prints a whole one")


def read_recipe(text: str) -> Settings:
    """The settings of a recipe, their dotted keys unfolded."""
    tree: dict[str, Any] = {}
    settings = json.loads(text)["settings"].items()
    for dotted, value in settings:
        *parents, leaf = dotted.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    return Settings(tree)


def flat_settings(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The settings of a recipe, nested ones unfolded to dotted keys; an empty mapping stands for itself."""
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from flat_settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
