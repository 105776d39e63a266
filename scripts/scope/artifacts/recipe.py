"""The recipe of a stage: its script, the fingerprint of its code, and the settings that decide what it computes.

A recipe is one line of sorted JSON and the single parameter of the stage's rule. Every Parquet file and model folder
carries it, with the fingerprint of each module behind it and the digests of its inputs. Each stage has a class of its
own for its settings, beside the code that uses them: a stage that imported another's would run again with it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from scope.artifacts.accepted import accepted_chain, recipe_code
from scope.artifacts.digests import file_digests
from scope.artifacts.fingerprint import fingerprint, modules
from scope.errors import InputError


class Settings(BaseModel):
    """The settings of a recipe, or a section of them: frozen; a missing or unknown key or a wrong type is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


Kind = TypeVar("Kind", bound=Settings)
Value = TypeVar("Value")


def make_recipe(script: str, settings: Mapping[str, Any]) -> str:
    """The recipe of a stage, given its script and its settings as plain values, as one line of sorted JSON."""
    name = f"{script}.py"
    return json.dumps({"code": recipe_code(name), "script": name, "settings": settings}, sort_keys=True)


def check_recipe(text: str, script: str) -> None:
    """Make sure that a recipe is one of `script`, planned with the code that runs now, or with code that it counts as.

    Raises InputError for anything else than a recipe, and for one of other code: what it would make could carry
    neither this recipe nor the planned one.
    """
    try:
        recipe = json.loads(text)
        planned, planned_script = recipe["code"], recipe["script"]
        recipe["settings"].items()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            "--recipe is not a valid recipe; `python scripts/recipe.py STAGE` prints one", "invalid-recipe"
        ) from None
    if planned_script != script:
        raise InputError(
            f"--recipe is one of {planned_script}, not of {script}; `python scripts/recipe.py STAGE` prints another",
            "other-script",
        )
    if recipe_code(script) != planned:
        raise InputError(
            f"{script} or a module that it imports was edited after this job was planned; start the run again, so "
            "that every artifact names the code that made it",
            "other-code",
        )


def make_provenance(recipe: str, inputs: Sequence[str | Path]) -> dict[str, Any]:
    """The provenance of an artifact: its recipe, the modules behind it, and the digests of its inputs.

    Where the code that runs was accepted as equal to the recipe's, `accepted` holds its fingerprint and the records.
    """
    made_by = json.loads(recipe)
    script = made_by["script"]
    provenance = {"recipe": made_by, "modules": modules(script), "inputs": file_digests(inputs)}
    if made_by["code"] != fingerprint(script) and (chain := accepted_chain(script, fingerprint(script))):
        provenance["accepted"] = {"code": fingerprint(script), "records": [asdict(record) for record in chain]}
    return provenance


def read_recipe(text: str, kind: type[Kind]) -> Kind:
    """The settings of a recipe as the stage's own class.

    Raises InputError that names each setting that is missing, unknown or of a wrong type.
    """
    settings = json.dumps(json.loads(text)["settings"])
    return parse_settings(settings, kind, "--recipe", "`python scripts/recipe.py STAGE` prints a whole one")


def parse_settings(text: str, kind: type[Kind], argument: str, remedy: str) -> Kind:
    """Settings from JSON. Raises InputError that names the argument and each setting that is wrong."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise InputError(
            f"{argument} is not valid: {'; '.join(map(_explain, error.errors()))}; {remedy}", "invalid-recipe"
        ) from None


def _explain(issue: Any) -> str:
    key = ".".join(map(str, issue["loc"]))
    known = {"missing": "is missing", "extra_forbidden": "is unknown"}
    return f"setting {key} {known.get(issue['type']) or 'is {input!r}: {msg}'.format(**issue)}"


def named(settings: Mapping[str, Value], name: str, section: str) -> Value:
    """The settings of `name` in a section whose keys are names. Raises InputError where the recipe has none."""
    if name not in settings:
        raise InputError(
            f"--recipe has no setting {section}.{name}; `python scripts/recipe.py STAGE --help` shows how to print one",
            "missing-setting",
        )
    return settings[name]


def flat_settings(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The settings of a recipe, nested ones unfolded to dotted keys; an empty mapping stands for itself."""
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from flat_settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
