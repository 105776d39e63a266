"""Only the modules that make and parse paths of results spell names of files and folders below results/.

The names are those that the layout itself gives, so a new path is covered when it is added there.
"""

import ast
import inspect
import io
import re
import tokenize

import pytest

from conftest import ROOT
from scope.artifacts import layout

OWNERS = {f"scripts/scope/artifacts/{name}.py" for name in ("layout", "names", "place", "round_paths")}
ANY = "{}"
"""What stands for a part of a path that is no constant."""
OTHER_MEANINGS = {
    ("scripts/scope/artifacts/partial_rows.py", "{}.parquet"),  # a part of unfinished work, which has no layout
    ("workflow/rules", "$RECIPES/{}.json"),  # the shell cannot call the layout
}
SHARDED = {"rollout", "verify", "score"}
"""Stages that write shards: the layout takes the name of the folder from them."""
ON_PATHS = {"Path", "glob", "joinpath", "rglob", "with_name", "with_stem"}
"""Functions whose arguments are paths or names of files."""


def paths_of(owner):
    """Every path that an object of the layout makes, with ANY for each argument."""
    for name in dir(type(owner)):
        if name.startswith("_") or name == "other":
            continue
        value = getattr(owner, name)
        if callable(value):
            value = value(*[ANY] * len(inspect.signature(value).parameters))
        if isinstance(value, str):
            yield value
        elif type(value) is not type(owner):
            yield from paths_of(value)


def known_names():
    paths = [*paths_of(layout.Layout(ANY)), *paths_of(layout.Layout(ANY).round(ANY, ANY, ANY).restored)]
    paths += [layout.issues_file(ANY), layout.evaluation_file(*[ANY] * 4), layout.samples_file(*[ANY] * 4)]
    paths += [layout.record_file(f"{ANY}.json")]
    return {name for path in paths for name in path.split("/")} - {ANY} | SHARDED


KNOWN = known_names()
FILES = {name for name in KNOWN if "." in name.removeprefix(f"{ANY}.")}
"""Names that are paths by themselves; a suffix alone, as in `*.tsv`, is that of a format."""


def text_of(node):
    """A string or an f-string as text, with ANY for what is computed; None for any other expression."""
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else ANY for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def spelled_in(text):
    """The words of a text that are relative paths with a known name in them, beside those of the project's code."""
    for word in re.sub(r"\{+[^{}]*\}+|\*", ANY, text).split():
        path = word.strip("`'\",;:()")
        if ("/" in path or path in FILES) and set(path.split("/")) & KNOWN and not path.startswith(("scripts/", "/")):
            yield path


def operands(node):
    """The expressions in a node that are names of files or folders, by what is done with them."""
    match node:
        case ast.BinOp(op=ast.Div()):
            return [node.left, node.right]
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in ON_PATHS:
            return node.args
        case ast.Compare(left=ast.Attribute(value=ast.Attribute(attr="parent"), attr="name")):
            return node.comparators
    return []


def spelled(source):
    """The paths of results, and names in them, that the source of a module spells; docstrings are left out."""
    tree = ast.parse(source)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    pieces = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    found = set()
    for node in ast.walk(tree):
        found |= {text for text in map(text_of, operands(node)) if text in KNOWN}
        if id(node) not in documentation | pieces:
            found |= set(spelled_in(text_of(node) or ""))
    return found


def spelled_in_rules(source):
    """The same, of the strings of a file of rules, whatever they are for."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    strings = [ast.parse(token.string, mode="eval").body for token in tokens if token.type == tokenize.STRING]
    return {path for string in strings for path in spelled_in(text_of(string))}


def test_no_other_module_spells_a_path_of_results():
    modules = {str(path.relative_to(ROOT)): path for path in sorted((ROOT / "scripts").rglob("*.py"))}
    assert modules.keys() >= OWNERS
    found = {(name, text) for name in modules.keys() - OWNERS for text in spelled(modules[name].read_text())}
    assert found - OTHER_MEANINGS == set(), "make these paths in artifacts/layout.py, or parse them in place.py"
    assert {pair for pair in OTHER_MEANINGS if pair[0] in modules} <= found, "take what is gone out of OTHER_MEANINGS"


def test_no_rule_spells_a_path_of_results():
    files = [ROOT / "Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]
    found = {text for file in files for text in spelled_in_rules(file.read_text())}
    assert found == {text for where, text in OTHER_MEANINGS if where == "workflow/rules"}


def test_the_names_are_those_of_the_layout():
    assert {"results", "seed{}", "round{}", "manifest.json", "batch.parquet", "restored", "{}.issues.parquet"} <= KNOWN
    assert {"evaluate", "summary.md", "lm_eval", "timings", "recipes", "{}.json", "retired.json", "rollout"} <= KNOWN


@pytest.mark.parametrize(
    "source",
    [
        'path = "results/demo"',
        'path = f"{folder}/seed{seed}/round3"',
        'path = f"{root}/policy was deleted"',
        'path = folder / "restored"',
        'path = folder / f"round{number}"',
        'path = manifest.with_name("batch.parquet")',
        'path = Path("results")',
        'found = folder.glob("round*/update.tsv")',
        'kind = {"manifest.json": 1}[name]',
        'is_rollout = path.parent.name == "rollout"',
        'def inner():\n    return f"{root}/models/{name}"',
    ],
)
def test_a_spelled_path_is_found(source):
    assert spelled(source)


@pytest.mark.parametrize(
    "source",
    [
        '"""The files of results/demo/shared."""',
        'stage, model = "rollout", "teacher"',
        'text = "the policy or the state"',
        'half = seconds / 2, folder / "model.safetensors"',
        'script = "scripts/score.py"',
    ],
)
def test_a_word_that_is_no_path_is_left_alone(source):
    assert spelled(source) == set()


def test_a_path_in_a_rule_is_found():
    assert spelled_in_rules('rule a:\n    output:\n        f"{LAYOUT.root}/{{arm}}/summary.md",\n')
    assert not spelled_in_rules('rule a:\n    shell:\n        "python scripts/score.py --out {output}"\n')
