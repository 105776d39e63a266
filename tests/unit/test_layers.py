"""A package of scripts/scope imports only packages above it. The order is total, so no packages import in a circle."""

import ast
import re

import pytest

from conftest import ROOT

SCOPE = ROOT / "scripts/scope"
# From top to bottom: packages, and modules that lie in scope/ itself.
LAYERS = (
    "errors",
    "seeds",
    "artifacts",
    "cli",
    "config",
    "slurm",
    "worlds",
    "models",
    "verify",
    "prompts",
    "rollout",
    "score",
    "method",
    "update",
    "evaluate",
    "report",
    "audit",
    "planning",
    "run",
    "cluster",
)


def layer_of(module):
    """The package or module directly below scope/ that a dotted name leads to; None outside of it."""
    parts = module.split(".")
    return parts[1] if parts[0] == "scope" and len(parts) > 1 else None


def imports_of(tree, package):
    """(line, dotted name) of all that a module of `package` imports, also in functions and under TYPE_CHECKING."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*above, *filter(None, [node.module])])
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)


def violations(scope):
    """What the modules below a folder scope/ import from below themselves, as 'file:line imports name'."""
    found = []
    for path in sorted(scope.rglob("*.py")):
        parts = path.relative_to(scope.parent).with_suffix("").parts
        layer = layer_of(".".join(parts))
        for line, name in imports_of(ast.parse(path.read_text()), ".".join(parts[:-1])):
            wanted = layer_of(name)
            if wanted and layer != "__init__" and LAYERS.index(wanted) > LAYERS.index(layer):
                found.append(f"{path.relative_to(scope.parent)}:{line} imports {name}")
    return found


def layers_on_disk():
    folders = [path.name for path in SCOPE.iterdir() if path.is_dir() and any(path.rglob("*.py"))]
    return folders + [path.stem for path in SCOPE.glob("*.py") if path.stem != "__init__"]


def test_every_package_has_one_place_in_the_order():
    assert sorted(LAYERS) == sorted(layers_on_disk())


def test_no_package_imports_one_below_it():
    assert violations(SCOPE) == []


def test_the_contributing_guide_gives_this_order():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    block = re.search(r"^    errors, .*\n(?:    .*\n)+", text, re.MULTILINE)
    assert tuple(re.findall(r"\w+", block[0])) == LAYERS


@pytest.mark.parametrize(
    "source",
    [
        "import scope.cluster.allocation",
        "import json, scope.cluster",
        "from scope.cluster import allocation",
        "from scope import cluster",
        "from ..cluster import allocation",
        "from .. import cluster",
        "from ..cluster.allocation import Allocation as A",
        "def late():\n    from scope.cluster import allocation",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from scope.cluster import allocation",
    ],
)
def test_an_import_from_below_is_found_in_every_form(tmp_path, source):
    module = tmp_path / "scope/verify/math.py"
    module.parent.mkdir(parents=True)
    module.write_text(source)
    (found,) = violations(tmp_path / "scope")
    assert found.startswith("scope/verify/math.py:")


def test_imports_from_above_from_the_same_package_and_from_elsewhere_are_no_violation(tmp_path):
    module = tmp_path / "scope/verify/math/verify.py"
    module.parent.mkdir(parents=True)
    module.write_text(
        "import torch, cluster\nfrom . import latex\nfrom .. import pool\nfrom ...models import load\n"
        "from scope.errors import InputError\nfrom scope.verify.verdict import Verdict\nfrom scope import seeds\n"
    )
    assert violations(tmp_path / "scope") == []
