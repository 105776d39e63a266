"""Verdicts on programs: the last complete code block of a response against tests, run in a sandbox.

Tests have three forms (tests.py): whole programs with inputs and outputs, one function with arguments and results, and
assertions on functions. Expected values never enter the program's sandbox: outputs and results are compared here, and
assertions run in a second sandbox, whose calls of the program's functions are messages over a pipe. So a program can
only reply; it cannot change what `==` means, read the tests, or exit with a pass.
"""

import json
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from scope.errors import InputError
from scope.verify.code.blocks import last_program
from scope.verify.code.limits import PROGRAM_S, TEST_S
from scope.verify.code.outputs import same_output, same_value
from scope.verify.sandbox.bubblewrap import check_sandbox, open_sandbox
from scope.verify.sandbox.inside import candidate, examiner
from scope.verify.sandbox.inside.wire import pack, unpack
from scope.verify.sandbox.process import Dead, Late, Limits, Process, TooMuch
from scope.verify.verdict import Reason, Verdict
from scope.verify.verifier import Verifier


def verify_code(response: str, tests: str) -> Verdict:
    """Verify a response by one block of Python, `extracted`; `tests` is JSON in a form of scope/verify/code/tests.py.

    Raises InputError for tests in another form, and for an empty list of tests, which any program would pass.
    """
    runners = {"stdio": _run_program, "calls": _call_function, "asserts": _run_assertions}
    job = read_job(tests)
    program = last_program(response, [job["function"]] if "function" in job else job.get("functions", []))
    if program is None:
        return Verdict.of(Reason.no_code)
    try:
        return Verdict.of(runners[job["kind"]](program, job), program)
    except Late:
        return Verdict.of(Reason.timeout, program)
    except TooMuch:
        return Verdict.of(Reason.too_much_output, program)
    except (Dead, ValueError, KeyError, TypeError, RecursionError):  # its reply is malformed
        return Verdict.of(Reason.raised, program)


def read_job(tests: str) -> dict[str, Any]:
    """The tests from their JSON. Raises InputError unless they have one of the three forms and at least one test."""
    job = json.loads(tests)
    keys = {
        "stdio": {"inputs", "outputs"},
        "calls": {"function", "inputs", "outputs"},
        "asserts": {"functions", "setup", "tests", "preamble", "prompt"},
    }
    kind = job.get("kind")
    if kind not in keys or keys[kind] - job.keys():
        raise InputError(
            f"tests of kind {kind!r} with the keys {sorted(job)}; write stdio, calls or asserts in the form that "
            "scripts/scope/verify/code/tests.py describes",
            "invalid-tests",
        )
    if kind != "asserts" and len(job["inputs"]) != len(job["outputs"]):
        raise InputError(
            f"tests have {len(job['inputs'])} inputs and {len(job['outputs'])} outputs; the numbers must agree",
            "invalid-tests",
        )
    if not (job["tests"].strip() if kind == "asserts" else job["inputs"]):
        raise InputError(
            "there are no tests, so any program would pass; remove the row, or add tests to it", "no-tests"
        )
    return job


def _run_program(program: str, job: dict[str, Any]) -> Reason:
    with _candidate({"kind": "stdio", "program": textwrap.dedent(program)}) as running:
        for given, expected in zip(job["inputs"], job["outputs"], strict=True):
            reply = _ask(running, {"stdin": given}, job.get("time_s", TEST_S))
            if reply["status"] != 0:
                return Reason.raised
            if not same_output(reply["stdout"], expected):
                return Reason.wrong
    return Reason.correct


def _call_function(program: str, job: dict[str, Any]) -> Reason:
    start = {"kind": "calls", "sources": [textwrap.dedent(program)], "functions": [job["function"]], "prelude": True}
    with _candidate(start) as running:
        for arguments, expected in zip(job["inputs"], job["outputs"], strict=True):
            call = {"call": job["function"], "args": pack(arguments), "kwargs": pack({})}
            reply = _ask(running, call, job.get("time_s", TEST_S))
            if "raised" in reply:
                return Reason.raised
            if not same_value(unpack(reply["value"]), expected):
                return Reason.wrong
    return Reason.correct


def _run_assertions(program: str, job: dict[str, Any]) -> Reason:
    """Run assertions in one sandbox and the program in another; messages between them pass through here."""
    sources = [job["preamble"] + textwrap.dedent(program), job["prompt"] + program]
    start = {"kind": "calls", "sources": sources, "functions": job["functions"], "prelude": False}
    checks = {key: job[key] for key in ("setup", "functions", "tests")}
    with _candidate(start) as running, open_sandbox(examiner, Limits(PROGRAM_S)) as tests:
        tests.send(json.dumps(checks))
        raised = False
        while True:
            message = json.loads(tests.receive(PROGRAM_S))
            if "passed" in message:
                return Reason.correct if message["passed"] else Reason.raised if raised else Reason.wrong
            reply = _ask(running, message, job.get("time_s", TEST_S))
            raised = "raised" in reply
            tests.send(json.dumps(reply))


@contextmanager
def _candidate(start: dict[str, Any]) -> Iterator[Process]:
    with open_sandbox(candidate, Limits(PROGRAM_S)) as process:
        process.send(json.dumps(start))
        yield process


def _ask(program: Process, request: dict[str, Any], within_s: float) -> dict[str, Any]:
    program.send(json.dumps(request))
    return json.loads(program.receive(within_s))


VERIFIER = Verifier(
    verify_code,
    against="tests",
    isolated=True,
    deadline_s=2 * PROGRAM_S,
    prepare=check_sandbox,
    known=("```python\nprint(1 + 1)\n```", '{"kind": "stdio", "inputs": [""], "outputs": ["2"]}'),
)
