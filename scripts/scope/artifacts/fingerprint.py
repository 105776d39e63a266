"""Fingerprints of code: the syntax trees of a script and of every module that it imports."""

import ast
import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from scope.artifacts.canonical_code import canonical, log_functions
from scope.artifacts.digests import value_digest

SCRIPTS = Path(__file__).resolve().parents[2]


@cache
def fingerprint(script: str | Path) -> str:
    """SHA-256 over the syntax trees of a script and of all it imports under scripts/: the digest of `modules`.

    Comments, docstrings, formatting, file times, texts of errors and logs, and help texts do not count; any other
    changed statement in an imported module does.
    """
    return value_digest(modules(script))


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
    """SHA-256 of one module's syntax tree without what cannot change a result (canonical_code.py)."""
    tree = canonical(_parsed(path).tree, _log_functions)
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


class _Parsed(NamedTuple):
    tree: ast.Module
    """What `module_fingerprint` changes; nothing else reads it."""
    imported: frozenset[str]
    log_functions: frozenset[str]


@cache
def _parsed(path: Path) -> _Parsed:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return _Parsed(tree, frozenset(names), log_functions(tree))


@cache
def _imports(path: Path) -> tuple[Path, ...]:
    return tuple(sorted({file for name in _parsed(path).imported for file in _files_of(name)}))


@cache
def _log_functions(module: str) -> frozenset[str]:
    files = _files_of(module)
    return _parsed(files[-1]).log_functions if files else frozenset()


def _files_of(module: str) -> list[Path]:
    """The files under scripts/ that importing `module` runs: its packages' __init__ and itself."""
    parts = module.split(".")
    files = [SCRIPTS.joinpath(*parts[:depth], "__init__.py") for depth in range(1, len(parts) + 1)]
    return [file for file in [*files, SCRIPTS.joinpath(*parts).with_suffix(".py")] if file.is_file()]
