"""Text is UTF-8 everywhere: whatever reads or writes text names its encoding, so that the locale decides nothing."""

import ast

import pytest

from conftest import ROOT

FILES = [path for folder in ("scripts", "dev", "workflow") for path in sorted((ROOT / folder).rglob("*.py"))]
METHODS = ("read_text", "write_text")
OPENERS = ("open", "fdopen")


def nameless(call: ast.Call) -> bool:
    """Whether a call reads or writes text in the encoding of the locale."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if {"encoding", None} & set(given):
        return False
    if name in METHODS or "text" in given or "universal_newlines" in given:
        return name in METHODS or name in ("run", "Popen", "check_output")
    file = isinstance(call.func, ast.Name) or ast.unparse(call.func) in ("os.fdopen",)
    mode = given.get("mode", call.args[1] if len(call.args) > 1 else None)
    return file and name in OPENERS and "b" not in (ast.literal_eval(mode) if mode else "r")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_text_is_read_and_written_in_a_named_encoding(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Call) and nameless(node)] == []
