"""The pool of verifiers: those that hang, crash, gorge or quit cost their own row and no other."""

import os
import signal
import sys

import pytest

from refusals import refused
from scope.verify.pool import verify_rows
from scope.verify.verdict import Reason, Verdict
from scope.verify.verifier import Verifier


def hang(response, answer):
    while True:
        pass


def hang_in_c(response, answer):
    return 9 ** (10**9)


def kill_worker(response, answer):
    os.kill(os.getpid(), signal.SIGKILL)


def exit_worker(response, answer):
    os._exit(0)


def read_null(response, answer):
    import ctypes

    ctypes.string_at(0)


def gorge(response, answer):
    return [bytes(1 << 28) for _ in range(64)]


def recurse(response, answer):
    return recurse(response, answer)


def quit_python(response, answer):
    sys.exit(0)


def honest(response, answer):
    return Verdict.of(Reason.correct if response == answer else Reason.wrong, response)


def no_torch(response, answer):
    return Verdict.of(Reason.wrong if "torch" in sys.modules else Reason.correct)


HOSTILE = {
    hang: "timeout",
    hang_in_c: "timeout",
    kill_worker: "crashed",
    exit_worker: "timeout",
    read_null: "crashed",
    gorge: "crashed",
    recurse: "crashed",
    quit_python: "crashed",
}
ISOLATED = {f.__name__: Verifier(f, against="answer", isolated=True) for f in [*HOSTILE, honest, no_torch]}
ISOLATED["honest"] = ISOLATED["honest"]._replace(known=("1", "1"))


def judge(*rows, **settings):
    verdicts = verify_rows(rows, verifiers=ISOLATED, workers=2, **settings)
    return [verdict.reason.value for verdict in verdicts]


@pytest.mark.real
def test_hostile_verifiers_cost_their_own_row_only():
    rows, expected = [], []
    for function, reason in HOSTILE.items():
        rows += [("honest", "", "1", "1"), (function.__name__, "", "1", "1"), ("honest", "", "1", "2")]
        expected += ["correct", reason, "wrong"]
    assert judge(*rows, deadline_s=2, memory_bytes=2 << 30) == expected


def test_the_pool_refills_after_more_deaths_than_it_has_workers():
    rows = [("kill_worker", "", "", ""), ("honest", "", "1", "1")] * 4
    assert judge(*rows) == ["crashed", "correct"] * 4


def test_workers_have_no_torch():
    assert judge(("no_torch", "", "", "")) == ["correct"]


def test_workers_that_cannot_verify_stop_the_run():
    with pytest.raises(RuntimeError, match=r"do not find '1' correct|pool"):
        judge(("honest", "", "1", "1"), memory_bytes=1 << 20)


@pytest.mark.parametrize("domain", ["astrology", ""])
def test_a_domain_without_verdicts_is_bad_input(domain):
    with refused("no-verifier", repr(domain)):
        verify_rows([(domain, "", "", "")], verifiers=ISOLATED)


def test_verdicts_keep_the_order_of_rows():
    rows = [("honest", "", str(i % 7), str(i % 3)) for i in range(200)]
    assert judge(*rows) == ["correct" if i % 7 == i % 3 else "wrong" for i in range(200)]
