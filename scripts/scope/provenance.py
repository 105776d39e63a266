"""Where an artifact came from: fingerprints of code, digests of files, and the recipe of a stage.

A stage's recipe is one line of JSON: its script, the fingerprint of that script's code, and the settings that
decide what it computes, sorted. It is the rule's single parameter. Every Parquet file and model folder carries it,
with the fingerprint of each module behind it and the digests of its inputs.
"""

import ast
import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from scope.errors import InputError

SCRIPTS = Path(__file__).resolve().parent.parent


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


def origin(recipe: str, inputs: list[str | Path]) -> dict[str, Any]:
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


@cache
def fingerprint(script: str | Path) -> str:
    """SHA-256 over the syntax trees of a script and of all it imports under scripts/.

    Comments, docstrings, formatting and file times do not count; a changed statement in any imported module does.
    """
    return hashlib.sha256(json.dumps(modules(script)).encode()).hexdigest()


@cache
def modules(script: str | Path) -> dict[str, str]:
    """The fingerprint of each module of a script's import closure, by its path under scripts/."""
    return {str(path.relative_to(SCRIPTS)): module_fingerprint(path)[:16] for path in import_closure(script)}


def import_closure(script: str | Path) -> list[Path]:
    """The script and every module under scripts/ that it imports, directly or not, sorted."""
    pending, seen = [SCRIPTS / script], set()
    while pending:
        path = pending.pop()
        if path not in seen:
            seen.add(path)
            pending.extend(_imports(path))
    return sorted(seen)


@cache
def module_fingerprint(path: Path) -> str:
    """SHA-256 of one module's syntax tree without docstrings."""
    tree = _tree(path)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]):
            node.body = body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@cache
def _imports(path: Path) -> tuple[Path, ...]:
    names = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(sorted({file for name in names for file in _files_of(name)}))


def _files_of(module: str) -> list[Path]:
    """The files under scripts/ that importing `module` runs: its packages' __init__ and itself."""
    parts = module.split(".")
    files = [SCRIPTS.joinpath(*parts[:depth], "__init__.py") for depth in range(1, len(parts) + 1)]
    return [file for file in [*files, SCRIPTS.joinpath(*parts).with_suffix(".py")] if file.is_file()]


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def value_digest(value: Any) -> str:
    """SHA-256 of a JSON value, the order of its keys of no account."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def flat_settings(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The settings of a recipe, nested ones unfolded to dotted keys; an empty mapping stands for itself."""
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from flat_settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def input_digests(paths: list[str | Path]) -> dict[str, str]:
    """Digest of each input by its path as given."""
    return {str(path): file_digest(path) for path in paths}
