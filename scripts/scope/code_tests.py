"""The tests of published code problems, in one of three forms that scope/rewards/code.py runs.

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
import zlib
from functools import partial
from typing import Any

from scope.errors import InputError

LARGEST = 256 << 20
"""Bytes that a row's private tests may unpack to."""
COLUMNS = {
    "humaneval": ("test", "entry_point"),
    "mbpp": ("test_list", "test_setup_code"),
    "taco": ("input_output",),
    "livecodebench": ("public_test_cases", "private_test_cases", "metadata"),
}
"""What each way of publishing tests has beside the problem."""


def read_tests(published: str, problem: str, row: dict[str, Any]) -> dict[str, Any]:
    """The tests in a row of a file that publishes them so (a key of COLUMNS).

    Raises InputError that says what cannot be read.
    """
    readers = {"humaneval": partial(humaneval, problem), "mbpp": mbpp, "taco": taco, "livecodebench": livecodebench}
    try:
        return readers[published](*(row[column] for column in COLUMNS[published]))
    except (ValueError, KeyError, TypeError, SyntaxError, StopIteration, IndexError, zlib.error) as error:
        raise InputError(f"its tests are not those of {published}: {type(error).__name__}: {error}") from None


def humaneval(prompt: str, test: str, entry_point: str) -> dict[str, Any]:
    """Tests of HumanEval: `test` defines check(candidate)."""
    opened = prompt.rstrip() + "\n"
    first = next(
        node.lineno for node in ast.parse(opened + "    pass\n").body if getattr(node, "name", "") == entry_point
    )
    preamble = "".join(prompt.splitlines(keepends=True)[: first - 1])
    return {"kind": "asserts", "functions": [entry_point], "setup": opened + "    pass\n",
            "tests": f"{test}\ncheck({entry_point})\n", "preamble": preamble, "prompt": opened}  # fmt: skip


def mbpp(test_list: list[str], setup: str) -> dict[str, Any]:
    """Tests of MBPP: assertions that call functions by name."""
    return {"kind": "asserts", "functions": called("\n".join(test_list), setup), "setup": setup,
            "tests": "\n".join(test_list), "preamble": f"{setup}\n", "prompt": ""}  # fmt: skip


def called(tests: str, setup: str) -> list[str]:
    """Names that tests call and that neither they nor Python nor their setup define."""
    trees = [ast.parse(tests), ast.parse(setup)]
    calls = {
        node.func.id for node in ast.walk(trees[0]) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    bound = {alias.asname or alias.name.split(".")[0] for tree in trees for node in ast.walk(tree)
             if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names}  # fmt: skip
    bound |= {
        node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    return sorted(calls - bound - set(dir(builtins)))


def taco(input_output: str) -> dict[str, Any]:
    """Tests of TACO: inputs and outputs of a program, or of the function `fn_name`."""
    given = json.loads(input_output)
    inputs, outputs = given["inputs"], given["outputs"]
    if given.get("fn_name"):
        return {"kind": "calls", "function": given["fn_name"], "inputs": inputs, "outputs": outputs}
    return {"kind": "stdio", "inputs": [_text(x) for x in inputs], "outputs": [_text(x) for x in outputs]}


def livecodebench(public: str, private: str, metadata: str) -> dict[str, Any]:
    """Tests of LiveCodeBench; the private ones are JSON, or JSON in a pickle that may hold nothing but text."""
    cases = json.loads(public) + _private(private)
    if cases[0]["testtype"] == "stdin":
        return {
            "kind": "stdio",
            "inputs": [case["input"] for case in cases],
            "outputs": [case["output"] for case in cases],
        }
    return {"kind": "calls", "function": json.loads(metadata)["func_name"],
            "inputs": [[json.loads(line) for line in case["input"].splitlines()] for case in cases],
            "outputs": [json.loads(case["output"]) for case in cases]}  # fmt: skip


def _private(packed: str) -> list[dict[str, Any]]:
    try:
        return json.loads(packed)
    except ValueError:
        pass
    inflater = zlib.decompressobj()
    unpacked = inflater.decompress(base64.b64decode(packed), LARGEST)
    if inflater.unconsumed_tail:
        raise InputError(f"private_test_cases: more than {LARGEST} bytes unpacked")
    return json.loads(_OnlyText(io.BytesIO(unpacked)).load())


class _OnlyText(pickle.Unpickler):
    """An unpickler that makes no object of any class."""

    def find_class(self, module: str, name: str) -> Any:
        raise InputError(f"private_test_cases: the pickle asks for {module}.{name}; only text is read")


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "\n".join(map(str, value))
