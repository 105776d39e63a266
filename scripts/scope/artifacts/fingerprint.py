"""Fingerprints of code: the syntax trees of a script and of every module that it imports."""

import ast
import hashlib
import json
from functools import cache
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2]


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
