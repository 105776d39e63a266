"""Ctrl-C while responses are verified ends the stage with one line, and never becomes a verdict."""

import os
import signal
import subprocess
import sys
import time

import pytest

from conftest import RECIPE, ROOT
from scope.artifacts import parquet
from scope.artifacts.recipe import make_recipe
from scope.artifacts.schemas.prompts import PROMPTS
from scope.artifacts.schemas.rollouts import ROLLOUTS
from scope.verify.pool import verify_rows
from scope.verify.verdict import Reason, Verdict
from scope.verify.verifier import Verifier

ROWS = 20_000


def interrupt_worker(response, answer):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.05)
    return Verdict.of(Reason.correct, response)


def test_a_worker_that_is_interrupted_goes_on_with_its_response():
    verifiers = {"any": Verifier(interrupt_worker, against="answer", isolated=True)}
    verdicts = verify_rows([("any", "", "1", "1")] * 4, verifiers=verifiers, workers=2)
    assert [verdict.reason for verdict in verdicts] == [Reason.correct] * 4


@pytest.fixture
def command(tmp_path):
    """The stage on so many responses that it takes several seconds."""
    prompt = {"prompt_id": "a", "problem": "Half of 14?", "answer": "7", "domain": "math", "source": "test"}
    parquet.write(tmp_path / "prompts", PROMPTS, [prompt | {"tests": None, "prompt_token_ids": [1]}], recipe=RECIPE)
    shared = {"prompt_id": "a", "response_token_ids": [1], "logprobs": [-0.5], "finish_reason": "stop"}
    rows = [{**shared, "sample_index": i, "response_text": rf"\boxed{{\frac{{{i}}}{{7}}}}"} for i in range(ROWS)]
    parquet.write(tmp_path / "rollouts", ROLLOUTS, rows, recipe=RECIPE, arm="scope", seed=0, round=1)
    files = [f"--{name}={tmp_path / name}" for name in ("prompts", "rollouts", "out")]
    recipe = ["--recipe", make_recipe("verify_math", {})]
    return [sys.executable, ROOT / "scripts/verify_math.py", *files, *recipe, "--workers", "2"]


@pytest.mark.real
@pytest.mark.parametrize("wait_s", [0.0, 0.3, 2.0])
def test_ctrl_c_ends_the_stage_with_one_line_and_no_verdicts(command, tmp_path, wait_s):
    stage = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, text=True)
    while "verify:" not in (shown := stage.stderr.readline(30)):  # the bar of progress: its workers have started
        assert shown, "the stage ended by itself"
    time.sleep(wait_s)
    os.killpg(stage.pid, signal.SIGINT)  # as a terminal does, to the workers too
    log = stage.communicate(timeout=30)[1]
    assert stage.returncode == 130
    assert "interrupted\n" in log
    assert "Traceback" not in log
    assert "crashed" not in log
    assert not (tmp_path / "out").exists()
