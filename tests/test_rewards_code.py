"""Verdicts on programs: which block counts, how outputs are compared, and the tests of published problems."""

import base64
import json
import os
import pickle
import zlib
from pathlib import Path

import polars as pl
import pytest

from needs_sandbox import sandboxed
from scope import code_tests
from scope.errors import InputError
from scope.rewards import verify_code
from scope.rewards.code import last_program
from scope.rewards.outputs import same_output, same_value
from scope.rewards.pool import verify_rows


@pytest.mark.parametrize(
    ("response", "program"),
    [
        ("```python\nx = 1\n```", "x = 1\n"),
        ("```\nx = 1\n```", "x = 1\n"),
        ("First\n```py\nx = 1\n```\nthen\n```Python3\nx = 2\n```\ndone", "x = 2\n"),
        ("```python\nx = 1\n```\nand it prints\n```text\n7\n```", "x = 1\n"),
        ("```cpp\nint x;\n```", None),
        ("```python\nx = 1\n```\n```python\nx = 2", "x = 1\n"),
        ("```python\nx = 1\n```python\nx = 2\n```", "x = 2\n"),
        ("1. so:\n   ```python\n   x = 1\n   ```", "   x = 1\n"),
        ("```python\n\n```", None),
        ("x = 1", None),
        ("`x = 1`", None),
        ("", None),
    ],
)
def test_the_last_closed_block_of_python_is_the_program(response, program):
    assert last_program(response) == program
    if program is None:
        assert verify_code(response, "{}").reason == "no_code"


@pytest.mark.parametrize(
    ("said", "expected", "same"),
    [
        ("7\n", "7", True), ("7 \n\n", "7\n", True), ("1 2\n3\n", "1 2\n3", True), ("1  2", "1 2", True),
        ("1\r\n2\r\n", "1\n2", True), ("0.3333333", "0.33333333", True), ("0.5", "0.50", True), ("1", "1.0", True),
        ("1000000.5", "1000000.6", True),
        ("7", "8", False), ("7\n8", "7", False), ("7", "7\n8", False), ("1\n2", "1 2", False), ("", "7", False),
        ("0.333", "0.33333333", False), ("7.0", "7", False), ("yes", "Yes", False), ("nan", "1.0", False),
        ("inf", "1.0", False), ("07", "7", False), (" 7", "7", True), ("1e5", "100000", False), ("", "", True),
    ],
)  # fmt: skip
def test_outputs_are_compared_by_lines_and_tokens(said, expected, same):
    assert same_output(said, expected) == same


@pytest.mark.parametrize(
    ("said", "expected", "same"),
    [
        (7, 7, True), ((1, 2), [1, 2], True), ([[1], (2,)], [[1], [2]], True), (0.1 + 0.2, 0.3, True), (1, 1.0, True),
        ({"a": (1,)}, {"a": [1]}, True), (None, None, True), ("x", "x", True), ([], [], True),
        (True, 1, False), (1, True, False), (7, 8, False), ("7", 7, False), ([1, 2], [2, 1], False), ([1], 1, False),
        (0.31, 0.3, False), (float("nan"), 0.3, False), ({"a": 1}, {"b": 1}, False), ({1, 2}, [1, 2], False),
        ([1, 2, 3], [1, 2], False), (None, 0, False), (True, 1.0, False),
    ],
)  # fmt: skip
def test_values_are_compared_by_equality(said, expected, same):
    assert same_value(said, expected) == same


PROGRAMS = [
    ("print(int(input()) + 1)", "correct"),
    ("import sys\nprint(int(sys.stdin.read()) + 1)", "correct"),
    ("import numpy as np\nprint(np.array([int(input())]).sum() + 1)", "correct"),
    ("if __name__ == '__main__':\n    print(int(input()) + 1)", "correct"),
    ("print(int(input()))", "wrong"),
    ("print(int(input()) + 1); print('!')", "wrong"),
    ("pass", "wrong"),
    ("print(8); raise SystemExit(1)", "raised"),
    ("print(", "raised"),
    ("print(undefined)", "raised"),
    ("while True: pass", "timeout"),
]


@sandboxed
@pytest.mark.parametrize(("program", "reason"), PROGRAMS)
def test_a_whole_program_is_run_once_for_each_input(program, reason):
    tests = {"kind": "stdio", "inputs": ["7\n", "-1\n"], "outputs": ["8\n", "0"], "time_s": 2}
    verdict = verify_code(f"```python\n{program}\n```", json.dumps(tests))
    assert (verdict.reason, verdict.extracted) == (reason, program + "\n")


FUNCTIONS = [
    ("def f(a, b): return [a, b]", "correct"),
    ("def f(a, b): return (a, b)", "correct"),
    ("class Solution:\n    def f(self, a: List[int], b): return [a, b]", "correct"),
    ("f = lambda a, b: deque([a, b])", "raised"),
    ("f = lambda a, b: list(deque([a, b]))", "correct"),
    ("def f(a, b): return [b, a]", "wrong"),
    ("def f(a, b): return [a, b][::-1] if b == 4 else [a, b]", "wrong"),
    ("def g(a, b): return [a, b]", "raised"),
    ("def f(a, b): return 1 / 0", "raised"),
    ("def f(a, b):\n    while True: pass", "timeout"),
]


@sandboxed
@pytest.mark.parametrize(("program", "reason"), FUNCTIONS)
def test_a_function_is_called_with_each_of_its_arguments(program, reason):
    tests = {"kind": "calls", "function": "f", "inputs": [[1, 2], [3, 4]], "outputs": [[1, 2], [3, 4]], "time_s": 2}
    assert verify_code(f"```\n{program}\n```", json.dumps(tests)).reason == reason


TWICE = "from typing import List\n\ndef twice(x: int) -> int:\n    return 2 * x\n\n\n"
PROMPT = f'{TWICE}def f(xs: List[int]):\n    """ Twice each. """'
CHECK = "def check(candidate):\n    assert candidate([1, 2]) == [twice(1), twice(2)]\n    assert candidate([]) == []\n"


@sandboxed
@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("def f(xs: List[int]):\n    return [2 * x for x in xs]", "correct"),
        ("def f(xs):\n    return [twice(x) for x in xs]", "correct"),
        ("    return [twice(x) for x in xs]", "correct"),
        ("def f(xs):\n    return [1, 2]", "wrong"),
        ("def f(xs):\n    return [x for x in xs]\ndef twice(x):\n    return x", "wrong"),
        ("def f(xs):\n    raise ValueError", "raised"),
        ("    pass", "wrong"),
        ("twice = 3", "wrong"),
    ],
)
def test_a_function_may_be_written_out_or_only_its_body(program, reason):
    tests = code_tests.humaneval(PROMPT, CHECK, "f")
    assert verify_code(f"```python\n{program}\n```", json.dumps(tests)).reason == reason


def test_assertions_name_the_functions_that_they_call():
    tests = ["assert set(similar((1, 2), sorted([3]))) == set(pair())", "assert math.isclose(area(Pair(1)), 4)"]
    assert code_tests.called("\n".join(tests), "import math\nclass Pair: pass") == ["area", "pair", "similar"]


def test_the_tests_of_taco_are_of_both_kinds():
    assert code_tests.taco('{"inputs": ["1\\n", ["2", "3"]], "outputs": ["1", ["2", "3"]]}') == {
        "kind": "stdio", "inputs": ["1\n", "2\n3"], "outputs": ["1", "2\n3"]}  # fmt: skip
    assert code_tests.taco('{"fn_name": "f", "inputs": [[1]], "outputs": [2]}') == {
        "kind": "calls", "function": "f", "inputs": [[1]], "outputs": [2]}  # fmt: skip


def packed(value):
    return base64.b64encode(zlib.compress(pickle.dumps(value))).decode()


def test_the_private_tests_of_livecodebench_are_read_without_making_objects(tmp_path):
    case = {"input": "1\n", "output": "2", "testtype": "stdin"}
    public = json.dumps([case])
    both = {"kind": "stdio", "inputs": ["1\n"] * 2, "outputs": ["2"] * 2}
    assert code_tests.livecodebench(public, public, "{}") == both
    assert code_tests.livecodebench(public, packed(public), "{}") == both
    function = json.dumps([{"input": '[1, 2]\n"x"', "output": "true", "testtype": "functional"}])
    assert code_tests.livecodebench(function, "[]", '{"func_name": "f"}') == {
        "kind": "calls", "function": "f", "inputs": [[[1, 2], "x"]], "outputs": [True]}  # fmt: skip

    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'evil'}",)

    with pytest.raises(InputError, match=r"the pickle asks for posix\.system; only text is read"):
        code_tests.livecodebench(public, packed(Evil()), "{}")
    assert not (tmp_path / "evil").exists()


def test_a_bomb_of_private_tests_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(code_tests, "LARGEST", 1000)
    with pytest.raises(InputError, match="more than 1000 bytes unpacked"):
        code_tests.livecodebench("[]", packed("0" * 10**6), "{}")


def real(name):
    if "SCOPE_DATA" not in os.environ:
        pytest.skip(f"needs real problems: set SCOPE_DATA to a folder with {name}.parquet")
    return pl.read_parquet(Path(os.environ["SCOPE_DATA"]) / f"{name}.parquet").to_dicts()


def reasons(programs, tests):
    rows = [("code", "p", f"```python\n{program}\n```", "", json.dumps(test))
            for program, test in zip(programs, tests, strict=True)]  # fmt: skip
    return [verdict.reason for verdict in verify_rows(rows)]


@sandboxed
def test_the_solutions_of_humaneval_pass_and_empty_ones_fail():
    rows = real("humaneval")
    tests = [code_tests.humaneval(row["problem"], row["test"], row["entry_point"]) for row in rows]
    whole = [f"{row['problem'].rstrip()}\n{row['answer']}" for row in rows]
    empty = [f"{row['problem'].rstrip()}\n    pass" for row in rows]
    assert len(rows) == 164
    assert set(reasons(whole, tests)) == {"correct"}
    assert "correct" not in reasons(empty, tests)
