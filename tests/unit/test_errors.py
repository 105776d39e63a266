"""Bad input: what an InputError carries, and that each place that raises one gives it a code."""

import ast
import pickle
import re

import pytest

from conftest import ROOT
from refusals import refused
from scope.errors import InputError

CODE = re.compile(r"[a-z]+(-[a-z]+){0,3}")
FILES = sorted(path for folder in ("scripts", "dev") for path in (ROOT / folder).rglob("*.py"))


def is_error(node):
    return isinstance(node, ast.Name) and node.id == "InputError"


def without_code(tree):
    """Lines that raise InputError without a code of one to four words; an error passed on keeps the code it has."""
    kept = {
        id(node)
        for handler in ast.walk(tree)
        if isinstance(handler, ast.ExceptHandler) and handler.name and is_error(handler.type)
        for node in ast.walk(handler)
        if isinstance(node, ast.Attribute) and ast.unparse(node) == f"{handler.name}.code"
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and is_error(node.exc):
            yield node.lineno
        if isinstance(node, ast.Call) and is_error(node.func):
            match node.args, node.keywords:
                case [_, ast.Constant(value=str(code))], [] if CODE.fullmatch(code):
                    pass
                case [_, ast.Attribute() as code], [] if id(code) in kept:
                    pass
                case _:
                    yield node.lineno


def test_every_error_has_a_code_of_one_to_four_words():
    found = [f"{path}:{line}" for path in FILES for line in without_code(ast.parse(path.read_text()))]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        'raise InputError("a sentence")',
        'raise InputError("a sentence", "Missing-Column")',
        'raise InputError("a sentence", "missing_column")',
        'raise InputError("a sentence", "no-such-column-in-file")',
        'raise InputError("a sentence", code)',
        'raise InputError("a sentence", code="missing-column")',
        "raise InputError",
        'try:\n    f()\nexcept ValueError as error:\n    raise InputError("a sentence", error.code)',
    ],
)
def test_an_error_without_a_code_is_found(source):
    assert list(without_code(ast.parse(source))) == [source.count("\n") + 1]


def test_an_error_that_is_passed_on_keeps_its_code():
    source = 'try:\n    f()\nexcept InputError as error:\n    raise InputError(f"x: {error}", error.code) from None'
    assert list(without_code(ast.parse(source))) == []


def test_an_error_comes_whole_from_another_process_and_prints_its_message_alone():
    error = pickle.loads(pickle.dumps(InputError("a.parquet: no column 'x'", "missing-column")))
    assert (type(error), str(error), error.code) == (InputError, "a.parquet: no column 'x'", "missing-column")


def test_refused_fails_at_another_code_at_a_name_that_is_absent_and_without_an_error():
    with refused("missing-column", "a.parquet", 3):
        raise InputError("a.parquet: row 3", "missing-column")
    with pytest.raises(AssertionError, match="missing-value"), refused("missing-column"):
        raise InputError("a.parquet: row 3", "missing-value")
    with pytest.raises(AssertionError, match="row 4"), refused("missing-column", "row 4"):
        raise InputError("a.parquet: row 3", "missing-column")
    with pytest.raises(pytest.fail.Exception), refused("missing-column"):
        pass
