"""The tests of published code problems, in one of three forms that scope/verify/code/verify.py runs.

stdio    {kind, inputs: [text], outputs: [text]}: a whole program reads and writes.
calls    {kind, function, inputs: [[argument]], outputs: [value]}: one function, or method of a class Solution.
asserts  {kind, functions: [name], setup, tests, preamble, prompt}: Python that calls functions and asserts; `preamble`
         goes before the program, or `prompt` where the program is only the rest of what the prompt begins.

Each may have `time_s`, the wall-clock seconds of one test or call.
"""

import ast
import base64
import builtins
import io
import json
import pickle
import re
import sys
import zlib
from collections.abc import Iterator
from functools import partial
from typing import Any

from scope.errors import InputError
from scope.verify.code.limits import TEST_S

PYTHON_SLACK = 3.0
"""Factor on the published time limit: contest sites set limits for faster languages than Python."""
SINGLES = 3
"""A row needs this many expected lists of one element, at least two of them different, to count as wrapped values."""
LARGEST = 256 << 20
"""Most bytes that a row's private tests may unpack to."""
COLUMNS = {
    "humaneval": ("test", "entry_point"),
    "mbpp": ("test_list", "test_setup_code"),
    "taco": ("input_output",),
    "livecodebench": ("public_test_cases", "private_test_cases", "metadata"),
}
"""Columns beside the problem, by how tests are published."""
OPTIONAL = {"taco": ("time_limit", "starter_code")}
"""Further columns that are used where a file has them."""


def read_tests(published: str, problem: str, row: dict[str, Any]) -> dict[str, Any]:
    """The tests in a row of a file; `published` is how it publishes them, a key of COLUMNS.

    Raises InputError with the part that cannot be read.
    """
    readers = {"humaneval": partial(humaneval, problem), "mbpp": mbpp, "taco": taco, "livecodebench": livecodebench}
    try:
        optional = {column: row.get(column) for column in OPTIONAL.get(published, ())}
        return readers[published](*(row[column] for column in COLUMNS[published]), **optional)
    except (ValueError, KeyError, TypeError, SyntaxError, StopIteration, IndexError, zlib.error) as error:
        raise InputError(
            f"its tests are not those of {published}: {type(error).__name__}: {error}", "invalid-tests"
        ) from None


def count_tests(tests: dict[str, Any]) -> int:
    """The number of tests; for assertions, of assert statements."""
    if tests["kind"] == "asserts":
        return sum(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(tests["tests"])))
    return len(tests["inputs"])


def humaneval(prompt: str, test: str, entry_point: str) -> dict[str, Any]:
    """Tests of HumanEval: `test` defines check(candidate)."""
    opened = prompt.rstrip() + "\n"
    first = next(
        node.lineno for node in ast.parse(opened + "    pass\n").body if getattr(node, "name", "") == entry_point
    )
    preamble = "".join(prompt.splitlines(keepends=True)[: first - 1])
    return {
        "kind": "asserts",
        "functions": [entry_point],
        "setup": opened + "    pass\n",
        "tests": f"{test}\ncheck({entry_point})\n",
        "preamble": preamble,
        "prompt": opened,
    }


def mbpp(test_list: list[str] | str, setup: str | None) -> dict[str, Any]:
    """Tests of MBPP: assertions that call functions by name, in a list or its JSON text."""
    tests, setup = "\n".join(json.loads(test_list) if isinstance(test_list, str) else test_list), setup or ""
    return {
        "kind": "asserts",
        "functions": called(tests, setup),
        "setup": f"{_imports(tests, setup)}{setup}",
        "tests": tests,
        "preamble": f"{setup}\n",
        "prompt": "",
    }


def called(tests: str, setup: str) -> list[str]:
    """Names that tests call and that they, their setup and Python do not define; if none is left, built-in ones."""
    trees = [ast.parse(tests), ast.parse(setup)]
    calls = {node.func.id for node in _nodes(trees[:1], ast.Call) if isinstance(node.func, ast.Name)} - _bound(trees)
    return sorted(calls - set(dir(builtins)) or calls)


def _imports(tests: str, setup: str) -> str:
    """Imports of the modules of Python that tests use as if the program under test had imported them."""
    trees = [ast.parse(tests), ast.parse(setup)]
    owners = {node.value.id for node in _nodes(trees, ast.Attribute) if isinstance(node.value, ast.Name)}
    return "".join(f"import {name}\n" for name in sorted(owners & sys.stdlib_module_names - _bound(trees)))


def _bound(trees: list[ast.Module]) -> set[str]:
    """Names that are imported, defined or assigned anywhere in the trees."""
    imports = _nodes(trees, ast.Import | ast.ImportFrom)
    names = {alias.asname or alias.name.split(".")[0] for node in imports for alias in node.names}
    names |= {node.name for node in _nodes(trees, ast.FunctionDef | ast.ClassDef)}
    return names | {node.id for node in _nodes(trees, ast.Name) if isinstance(node.ctx, ast.Store)}


def _nodes(trees: list[ast.Module], kind: Any) -> Iterator[Any]:
    return (node for tree in trees for node in ast.walk(tree) if isinstance(node, kind))


def taco(input_output: str, time_limit: str | None = None, starter_code: str | None = None) -> dict[str, Any]:
    """Tests of TACO: inputs and outputs of a program, or of the function `fn_name`.

    `time_limit` is text such as "1.5 seconds". `starter_code` may annotate what the function returns.
    """
    given = json.loads(input_output)
    inputs, outputs, limit = given["inputs"], given["outputs"], _limit(time_limit)
    if given.get("fn_name"):
        unwrapped = [value for (value,) in outputs] if _wrapped(outputs, given["fn_name"], starter_code) else outputs
        return {"kind": "calls", "function": given["fn_name"], "inputs": inputs, "outputs": unwrapped, **limit}
    return {"kind": "stdio", "inputs": [_text(x) for x in inputs], "outputs": [_text(x) for x in outputs], **limit}


def _limit(published: str | None) -> dict[str, float]:
    """`time_s` where a published limit, the upper end of a range, is above the default with the slack for Python."""
    if published is None or str(published).strip().lower() in ("", "none", "null"):
        return {}
    seconds = re.fullmatch(r"(?:[\d.]+ ?- ?)?(\d+(?:\.\d+)?) ?(?:s|secs?|seconds?)?", str(published).strip().lower())
    if not seconds:
        raise ValueError(f"time_limit is {published!r}; write it as '2 seconds', or null")
    allowed = float(seconds[1]) * PYTHON_SLACK
    return {"time_s": allowed} if allowed > TEST_S else {}


def _wrapped(outputs: list[Any], function: str, starter_code: str | None) -> bool:
    """Whether every expected value is wrapped in a list of its own, [3] for 3, as in rows from some sites.

    The annotation in the starter code decides. Without one, there must be too many different lists for a function that
    always returns a list of one element; in doubt, the lists themselves are expected.
    """
    if not outputs or not all(isinstance(value, list) and len(value) == 1 for value in outputs):
        return False
    returned = _returned_depth(function, starter_code or "")
    if returned is not None:
        return max(map(_depth, outputs)) > returned
    return len(outputs) >= SINGLES and any(value != outputs[0] for value in outputs)


def _returned_depth(function: str, starter_code: str) -> int | None:
    """The depth of the lists that a function is annotated to return, 0 for no list; None without an annotation."""
    head = re.search(rf"\bdef {re.escape(function)}\s*\(.*\)\s*->\s*([^:]+?)\s*:", starter_code)
    plain = head and re.fullmatch(r"((?:[Ll]ist\[)*)(?:int|float|str|bool)\]*", head[1])
    return plain[1].count("[") if plain else None


def _depth(value: Any) -> int:
    """The depth of nested lists: 0 for 3, 1 for [] and [3]."""
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def livecodebench(public: str, private: str, metadata: str) -> dict[str, Any]:
    """Tests of LiveCodeBench; the private ones are JSON, or JSON in a pickle that may hold only text."""
    cases = json.loads(public) + _private(private)
    if cases[0]["testtype"] == "stdin":
        return {
            "kind": "stdio",
            "inputs": [case["input"] for case in cases],
            "outputs": [case["output"] for case in cases],
        }
    return {
        "kind": "calls",
        "function": json.loads(metadata)["func_name"],
        "inputs": [[json.loads(line) for line in case["input"].splitlines()] for case in cases],
        "outputs": [json.loads(case["output"]) for case in cases],
    }


def _private(packed: str) -> list[dict[str, Any]]:
    try:
        return json.loads(packed)
    except ValueError:
        pass
    inflater = zlib.decompressobj()
    unpacked = inflater.decompress(base64.b64decode(packed), LARGEST)
    if inflater.unconsumed_tail:
        raise InputError(f"private_test_cases: more than {LARGEST} bytes unpacked", "too-large")
    return json.loads(_OnlyText(io.BytesIO(unpacked)).load())


class _OnlyText(pickle.Unpickler):
    """An unpickler that creates no objects of any class."""

    def find_class(self, module: str, name: str) -> Any:
        raise InputError(f"private_test_cases: the pickle asks for {module}.{name}; only text is read", "unsafe-pickle")


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "\n".join(map(str, value))
