"""The patient sbatch (workflow/bin/sbatch), before stand-ins that use SLURM 22.05's words: nothing goes out twice."""

import os
import subprocess

import pytest

from conftest import ROOT

AWAY = "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)"
DRAINED = "sbatch: error: Batch job submission failed: Required partition not available (inactive or drain)"
LOST = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"
UNKNOWN = "sbatch: error: invalid partition specified: nowhere"
ASKED = ["--parsable", "--job-name", "run-1", "--comment", "rule_score_wildcards_scope_0_1_0", "--wrap", "true"]


@pytest.fixture
def submit(tmp_path):
    """Runs the patient sbatch; `answers` are what the real one says in turn, `queue` what squeue lists meanwhile."""
    for name in ("sbatch", "squeue"):
        stand_in = tmp_path / name
        count = f"n=$(cat {tmp_path}/{name}.count 2>/dev/null || echo 0); echo $((n + 1)) > {tmp_path}/{name}.count"
        answer = f"answer={tmp_path}/{name}.$n; [ -e $answer ] || answer={tmp_path}/{name}.last; . $answer"
        stand_in.write_text(f"#!/bin/bash\n{count}\n{answer}\n")
        stand_in.chmod(0o755)

    def run(answers, queue=("",), patience=30):
        for name, lines in (("sbatch", answers), ("squeue", [f"echo '{line}'" for line in queue])):
            for number, line in enumerate(lines):
                (tmp_path / f"{name}.{number}").write_text(f"{line}\n")
            (tmp_path / f"{name}.last").write_text(f"{lines[-1]}\n")
        path = f"{ROOT}/workflow/bin:{tmp_path}:{os.environ['PATH']}"
        done = subprocess.run(
            ["sbatch", *ASKED],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "SCOPE_SUBMIT_PATIENCE": str(patience)},
        )
        return done, int((tmp_path / "sbatch.count").read_text())

    return run


def says(error):
    return f"echo '{error}' >&2; exit 1"


def test_an_accepted_job_is_handed_on(submit):
    done, submissions = submit(["echo 17"])
    assert (done.returncode, done.stdout, submissions) == (0, "17\n", 1)


@pytest.mark.parametrize("error", [AWAY, DRAINED])
def test_a_refusal_for_now_is_tried_again(submit, error):
    done, submissions = submit([says(error), "echo 18"])
    assert (done.returncode, done.stdout, submissions) == (0, "18\n", 2)


def test_a_job_that_arrived_although_sbatch_failed_is_not_submitted_again(submit):
    done, submissions = submit([says(LOST), "echo 20"], queue=["", f"19 {ASKED[4]}"])
    assert (done.returncode, done.stdout, submissions) == (0, "19\n", 1)


def test_a_job_of_the_rule_that_was_there_before_does_not_count(submit):
    there = f"12 {ASKED[4]}"
    done, submissions = submit([says(LOST), "echo 20"], queue=[there])
    assert (done.returncode, done.stdout, submissions) == (0, "20\n", 2)


def test_a_wrong_request_fails_at_once(submit):
    done, submissions = submit([says(UNKNOWN)])
    assert (done.returncode, submissions) == (1, 1)
    assert done.stderr == f"{UNKNOWN}\n"


def test_patience_ends(submit):
    done, submissions = submit([says(AWAY)], patience=1)
    assert (done.returncode, submissions) == (1, 2)
    assert AWAY in done.stderr
