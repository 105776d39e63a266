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
from refusals import refused
from scope.verify.api import verify_code
from scope.verify.code import tests as code_tests
from scope.verify.code.blocks import last_program
from scope.verify.code.outputs import same_output, same_value
from scope.verify.registry import verify_rows

STDIO = json.dumps({"kind": "stdio", "inputs": ["7"], "outputs": ["8"]})


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
        assert verify_code(response, STDIO).reason == "no_code"


QUOTING = 'def f():\n    """\n    ```\n    f()\n    ```\n    """\n'


@pytest.mark.parametrize(
    ("response", "program"),
    [
        ("~~~python\nx = 1\n~~~", "x = 1\n"),
        ("~~~\n```\nx = 1\n```\n~~~", "```\nx = 1\n```\n"),
        ("```python\nx = 1\n~~~\n```", "x = 1\n~~~\n"),
        ("````python\nx = '\n```\n'\n````", "x = '\n```\n'\n"),
        ("````markdown\n```python\nx = 1\n```\n````", None),
        ("```python\nx = 1\n````", "x = 1\n"),
        (f"```python\n{QUOTING}```", QUOTING),
        ("```python title=a.py\nx = 1\n```", "x = 1\n"),
        ("```{python}\nx = 1\n```", "x = 1\n"),
        ("    ```python\n    x = 1\n    ```", "    x = 1\n"),
        ("\t```python\n\tx = 1\n\t```", "\tx = 1\n"),
        ("```python\n\tx = 1\n```", "\tx = 1\n"),
        ("```python\r\nx = 1\r\ny = 2\r\n```\r\n", "x = 1\ny = 2\n"),
        ("\ufeff```python\nx = 1\n```", "x = 1\n"),
        ("```python\n\ufeffx = 1\n```", "x = 1\n"),
        ("```python\nx = 'a\u2028b\x0c'\n```", "x = 'a\u2028b\x0c'\n"),
        ("```python\nx = 1\n```\nIt prints\n```\n1\n```", "x = 1\n"),
        ("```\nx = 1\n```\nor in C\n```c\nint x;\n```", "x = 1\n"),
        ("```python\nx = 1\n```\n```python\n```", "x = 1\n"),
        ("```python\nx = 1\n```\n```python\nx = 2\n```\n```python\nx = 3", "x = 2\n"),
        ("``` `x` ```\n```python\nx = 1\n```", "x = 1\n"),
    ],
)
def test_fences_nest_and_blocks_come_from_any_editor(response, program):
    assert last_program(response) == program


F = "def f(x):\n    return 1\n"
DEFINES = f"```python\n{F}```\n"
METHOD = "class Solution:\n    def f(self): pass\n"


@pytest.mark.parametrize(
    ("response", "program"),
    [
        (f"{DEFINES}For example\n```python\nprint(f(3))\n```", F),
        (f"{DEFINES}or\n```python\nf = lambda x: 2\n```", "f = lambda x: 2\n"),
        (f"{DEFINES}or\n```python\ndef  f(x): return 2\n```", "def  f(x): return 2\n"),
        (f"{DEFINES}so the rest is\n```python\n    return 2\n```", "    return 2\n"),
        (f"{DEFINES}test\n```python\nassert f(3) == 1\nf == 2\ng = f(3)\n```", F),
        ("```python\nprint(1)\n```\n```python\nprint(2)\n```", "print(2)\n"),
        (f"```python\n{METHOD}```\n```python\nSolution().f()\n```", METHOD),
        (f"{DEFINES}```python\ndef f(x):\n    return 2", F),
    ],
)
def test_where_a_function_is_asked_for_its_last_definition_is_the_program(response, program):
    assert last_program(response, ["f"]) == program


def test_an_indented_block_is_nothing_special_where_a_whole_program_is_asked_for():
    assert last_program("```python\n    print(1)\n```\n```python\nprint(2)\n```") == "print(2)\n"


@pytest.mark.parametrize(
    ("said", "expected", "same"),
    [
        ("7\n", "7", True), ("7 \n\n", "7\n", True), ("1 2\n3\n", "1 2\n3", True), ("1  2", "1 2", True),
        ("1\r\n2\r\n", "1\n2", True), ("0.3333333", "0.33333333", True), ("0.5", "0.50", True), ("1", "1.0", True),
        ("1000000.5", "1000000.6", True),
        ("7", "8", False), ("7\n8", "7", False), ("7", "7\n8", False), ("1\n2", "1 2", False), ("", "7", False),
        ("0.333", "0.33333333", False), ("7.0", "7", False), ("yes", "Yes", False), ("nan", "1.0", False),
        ("inf", "1.0", False), ("07", "7", False), (" 7", "7", True), ("1e5", "100000", False), ("", "", True),
        ("7\t\n \n", "7", True), ("7\n\n8", "7\n8", False), ("\n7", "7", False), ("YES", "yes", False),
        ("1" * 9999, "1" * 9999, True), ("1" * 9998 + "2", "1" * 9999, False), ("-0.0", "0.0", True),
        ("8" * 400 + ".0", "9" * 400 + ".0", False), ("0", "-0", False), ("nan", "nan", True), ("nan", "0.0", False),
        ("1_0.5", "10.5", False), ("\u0661.5", "1.5", False), ("0x1p1", "2.0", False), ("1e1", "10.0", True),
        ("infinity", "1.0", False), ("1\x0c2", "1\n2", False), ("1\u20282", "1\n2", False), ("1\xa02", "1 2", False),
        ("1.2.3", "1.2.30", False), ("3", "3.", True), ("1,5", "1.5", False), ("True", "1", False),
    ],
)  # fmt: skip
def test_outputs_are_compared_by_lines_and_tokens(said, expected, same):
    assert same_output(said, expected) == same


@pytest.mark.parametrize(
    ("said", "expected", "same"),
    [
        (7, 7, True), ((1, 2), [1, 2], True), ([[1], (2,)], [[1], [2]], True), (0.1 + 0.2, 0.3, True), (1, 1.0, True),
        ({"a": (1,)}, {"a": [1]}, True), (None, None, True), ("x", "x", True), ([], [], True),
        (10**400, 10**400, True), (-0.0, 0.0, True), (float("inf"), float("inf"), True), (3.0, 3, True),
        (10**400, 0.3, False), (10**400, 10**400 + 1, False), (float("nan"), float("nan"), False), (int, "int", False),
        (True, 1, False), (1, True, False), (7, 8, False), ("7", 7, False), ([1, 2], [2, 1], False), ([1], 1, False),
        (0.31, 0.3, False), (float("nan"), 0.3, False), ({"a": 1}, {"b": 1}, False), ({1, 2}, [1, 2], False),
        ([1, 2, 3], [1, 2], False), (None, 0, False), (True, 1.0, False),
    ],
)  # fmt: skip
def test_values_are_compared_by_equality(said, expected, same):
    assert same_value(said, expected) == same


DEEP = "import sys, threading\nsys.setrecursionlimit(10**6)\ndef down(n): return 1 if n == 0 else down(n - 1)\n"
PROGRAMS = [
    ("print(int(input()) + 1)", "correct"),
    ("import sys\nprint(int(sys.stdin.read()) + 1)", "correct"),
    ("import numpy as np\nprint(np.array([int(input())]).sum() + 1)", "correct"),
    ("if __name__ == '__main__':\n    print(int(input()) + 1)", "correct"),
    ("import sys\nfor line in sys.stdin: print(int(line) + 1)", "correct"),
    ("import sys\nprint(int(sys.stdin.readlines()[0]) + 1, flush=True)", "correct"),
    ("import sys\nsys.stdout.write(str(int(sys.stdin.buffer.readline()) + 1))", "correct"),
    ("print(int(open(0).read()) + 1)", "correct"),
    ("import os\nos.write(1, b'%d' % (int(os.read(0, 99)) + 1))", "correct"),
    ("print(int(input()) + 1)\nexit()", "correct"),
    ("import sys\nprint(int(input()) + 1)\nsys.exit(0)", "correct"),
    (f"{DEEP}print(int(input()) + down(50_000))", "correct"),
    (
        f"{DEEP}def main(): print(int(input()) + down(50_000))\nthreading.stack_size(1 << 28)\n"
        "thread = threading.Thread(target=main)\nthread.start()\nthread.join()",
        "correct",
    ),
    ("print(int(input()) + 1, end='')", "correct"),
    ("print(int(input()) + 1)\nimport os\nos._exit(0)", "wrong"),
    ("print(int(input()) + 1, flush=True)\nimport os\nos.kill(os.getpid(), 9)", "raised"),
    ("print(int(input()) + 1)\nexit('8')", "raised"),
    ("print(int(input()) + 1); input()", "raised"),
    ("import sys\nprint(int(input()) + 1, file=sys.stderr)", "wrong"),
    ("print(int(input()))", "wrong"),
    ("print(int(input()) + 1); print('!')", "wrong"),
    ("pass", "wrong"),
    ("print(8); raise SystemExit(1)", "raised"),
    ("print(", "raised"),
    ("print(undefined)", "raised"),
    pytest.param("while True: pass", "timeout", marks=pytest.mark.real),
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
    ("from operator import add as f", "wrong"),
    ("def f(a, b): return 1 / 0", "raised"),
    pytest.param("def f(a, b):\n    while True: pass", "timeout", marks=pytest.mark.real),
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
        "kind": "stdio",
        "inputs": ["1\n", "2\n3"],
        "outputs": ["1", "2\n3"],
    }
    assert code_tests.taco('{"fn_name": "f", "inputs": [[1]], "outputs": [2]}') == {
        "kind": "calls",
        "function": "f",
        "inputs": [[1]],
        "outputs": [2],
    }


@pytest.mark.parametrize(
    ("published", "time_s"),
    [
        ("2 seconds", None), ("1.5 seconds", None), (None, None), ("null", None), ("None", None), ("", None),
        ("2.0 seconds", None), ("2.5 seconds", 7.5), ("1 second", None), ("10.0 seconds", 30.0),
        ("1.5 - 4 seconds", 12.0), ("5", 15.0), (4, 12.0),
    ],
)  # fmt: skip
def test_a_published_time_limit_gets_slack_for_python_and_is_never_below_the_default(published, time_s):
    tests = code_tests.taco('{"inputs": ["1"], "outputs": ["1"]}', time_limit=published)
    assert tests.get("time_s") == time_s


def test_a_time_limit_that_cannot_be_read_stops_with_its_text():
    row = {"input_output": '{"inputs": ["1"], "outputs": ["1"]}', "time_limit": "2 parsecs"}
    with refused("invalid-tests", "time_limit", "'2 parsecs'", "'2 seconds'"):
        code_tests.read_tests("taco", "p", row)
    assert code_tests.read_tests("taco", "p", {**row, "time_limit": "4 seconds"})["time_s"] == 12


STARTER = "class Solution:\n    def f(self, xs: List[int], k=1) -> {}:\n        "


@pytest.mark.parametrize(
    ("outputs", "starter", "unwrapped"),
    [
        ([[3]], STARTER.format("int"), True),
        ([["a"]], STARTER.format("str"), True),
        ([[[1, 2]]], STARTER.format("List[int]"), True),
        ([[[]], [[1]]], STARTER.format("list[int]"), True),
        ([[3], [4], [5]], STARTER.format("List[int]"), False),
        ([[[1]], [[2]], [[3]]], STARTER.format("List[List[int]]"), False),
        ([[3], [4, 5]], STARTER.format("int"), False),
        ([3, 4], STARTER.format("int"), False),
        ([[3], [4], [5]], None, True),
        ([[[1, 2]], [[]], [[3]]], "def f(xs):\n\t", True),
        ([[3], [4], [5]], STARTER.format("Optional[ListNode]"), True),
        ([[3], [4]], None, False),
        ([[3], [3], [3]], None, False),
        ([[3], [4], []], None, False),
        ([[3], [4], [5, 6]], None, False),
        ([[3], [4], 5], None, False),
        ([], None, False),
    ],
)
def test_a_wrapped_value_is_unwrapped_only_where_no_list_can_be_meant(outputs, starter, unwrapped):
    given = json.dumps({"fn_name": "f", "inputs": [[0]] * len(outputs), "outputs": outputs})
    expected = [value[0] for value in outputs] if unwrapped else outputs
    assert code_tests.taco(given, starter_code=starter)["outputs"] == expected


@pytest.mark.parametrize("output", ["[3]", "[[3]]", "3", "[]", '"[3]"'])
def test_livecodebench_never_wraps_a_value(output):
    cases = json.dumps([{"input": "1", "output": output, "testtype": "functional"}] * 4)
    assert code_tests.livecodebench(cases, "[]", '{"func_name": "f"}')["outputs"] == [json.loads(output)] * 4


@sandboxed
@pytest.mark.parametrize(("program", "reason"), [("return x", "correct"), ("return [x]", "wrong")])
def test_an_unwrapped_value_is_the_only_correct_one(program, reason):
    given = json.dumps({"fn_name": "f", "inputs": [[1], [2], [3]], "outputs": [[1], [2], [3]]})
    verdict = verify_code(f"```python\ndef f(x): {program}\n```", json.dumps(code_tests.taco(given)))
    assert verdict.reason == reason


@sandboxed
def test_a_function_of_the_prelude_is_not_taken_for_the_programs_own():
    tests = json.dumps({"kind": "calls", "function": "gcd", "inputs": [[4, 6]], "outputs": [2]})
    assert verify_code("```python\npass\n```", tests).reason == "raised"
    assert verify_code("```python\nfrom math import gcd\n```", tests).reason == "correct"


def test_assertions_of_mbpp_are_a_list_or_its_text_and_import_what_they_take_for_granted():
    tests = ["assert f(1) == sys.getsizeof(1)"]
    assert code_tests.mbpp(tests, "") == code_tests.mbpp(json.dumps(tests), None)
    assert code_tests.mbpp(tests, "")["setup"] == "import sys\n"
    assert code_tests.mbpp(["assert math.isclose(f(1), sys)"], "import math")["setup"] == "import math"
    assert code_tests.mbpp(["assert sum(10, 15) == 6"], "")["functions"] == ["sum"]
    assert code_tests.mbpp(["assert sum(f(1)) == 6"], "")["functions"] == ["f"]


@sandboxed
def test_types_are_values_too_and_pass_as_themselves_only():
    tests = code_tests.mbpp(
        ["assert f((1, 'a'), int) == ['a']", "assert f((1, 'a'), str) == [1]", "assert f((), 0) is int"], ""
    )
    program = "def f(xs, kind): return int if kind == 0 else [x for x in xs if not isinstance(x, kind)]"
    assert reasons([program, program.replace("int if", "1 if")], [tests] * 2) == ["correct", "wrong"]


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
        "kind": "calls",
        "function": "f",
        "inputs": [[[1, 2], "x"]],
        "outputs": [True],
    }

    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'evil'}",)

    with refused("unsafe-pickle", "posix.system"):
        code_tests.livecodebench(public, packed(Evil()), "{}")
    assert not (tmp_path / "evil").exists()


def test_a_bomb_of_private_tests_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(code_tests, "LARGEST", 1000)
    with refused("too-large", "1000 bytes"):
        code_tests.livecodebench("[]", packed("0" * 10**6), "{}")


def real(name):
    if "SCOPE_DATA" not in os.environ:
        pytest.skip(f"needs real problems: set SCOPE_DATA to a folder with {name}.parquet")
    return pl.read_parquet(Path(os.environ["SCOPE_DATA"]) / f"{name}.parquet").to_dicts()


def reasons(programs, tests):
    rows = [
        ("code", "p", f"```python\n{program}\n```", "", json.dumps(test))
        for program, test in zip(programs, tests, strict=True)
    ]
    return [verdict.reason for verdict in verify_rows(rows)]


@sandboxed
@pytest.mark.real
@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)], ids=["sample", "whole"])
def test_the_solutions_of_humaneval_pass_and_empty_ones_fail(every):
    rows = real("humaneval")[::every]
    tests = [code_tests.humaneval(row["problem"], row["test"], row["entry_point"]) for row in rows]
    whole = [f"{row['problem'].rstrip()}\n{row['answer']}" for row in rows]
    empty = [f"{row['problem'].rstrip()}\n    pass" for row in rows]
    assert len(rows) == 164 // every
    assert set(reasons(whole, tests)) == {"correct"}
    assert "correct" not in reasons(empty, tests)


MBPP_EXCEPTIONS = {"mbpp-367", "mbpp-601", "mbpp-927"}
"""Their tests hand the function objects of a class that the solution itself has to define."""


@sandboxed
@pytest.mark.real
@pytest.mark.parametrize("every", [16, pytest.param(1, marks=pytest.mark.slow)], ids=["sample", "whole"])
def test_the_solutions_of_mbpp_pass_and_empty_ones_fail(every):
    rows = real("mbpp")[::every]
    tests = [code_tests.mbpp(row["test_list"], row["test_setup_code"]) for row in rows]
    found = reasons([row["answer"] for row in rows], tests)
    failed = {row["id"] for row, reason in zip(rows, found, strict=True) if reason != "correct"}
    assert failed == MBPP_EXCEPTIONS & {row["id"] for row in rows}
    empty = ["\n".join(f"def {name}(*args): pass" for name in test["functions"]) for test in tests]
    assert "correct" not in reasons(empty, tests)


@pytest.mark.parametrize(
    ("tests", "code", "names"),
    [
        ({"test": "assert True", "entry_point": "f"}, "invalid-tests", ["None", "stdio, calls or asserts"]),
        ({"kind": "calls", "inputs": [], "outputs": []}, "invalid-tests", ["'calls'"]),
        ({"kind": "stdio", "inputs": ["1", "2"], "outputs": ["1"]}, "invalid-tests", ["2 inputs", "1 outputs"]),
        ({"kind": "calls", "function": "f", "inputs": [], "outputs": []}, "no-tests", []),
    ],
)
def test_tests_of_no_known_form_are_no_verdict(tests, code, names):
    with refused(code, *names):
        verify_code("```python\ndef f(): pass\n```", json.dumps(tests))
