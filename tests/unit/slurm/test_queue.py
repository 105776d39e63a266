"""SLURM's queue, from what SLURM 22.05 printed at one moment as text and as JSON (cut to the fields that are read)."""

import copy
import json
from pathlib import Path

import pytest

from conftest import ROOT
from refusals import refused
from scope.slurm import jobs
from scope.slurm.commands import Answer
from scope.slurm.parse import Job, read_json_queue, read_text_queue

TEXT = (ROOT / "tests/recorded/squeue.txt").read_text()
JSON = json.loads((ROOT / "tests/recorded/squeue.json").read_text())
NO_JSON = Answer(1, "", "squeue: unrecognized option '--json'\nTry \"squeue --help\" for more information\n")
WAITS = Job("2", "PENDING", "Dependency", "afternotok:1(unfulfilled)", "b", Path("/tmp"), "rule_x|y")


@pytest.fixture
def squeue(monkeypatch):
    """Sets what squeue answers to --json, and otherwise."""
    jobs.has_json.cache_clear()
    monkeypatch.setattr(jobs.os, "getuid", lambda: 0)

    def answer(to_json, otherwise=None):
        def run(*command, patience_s=0):
            return to_json if "--json" in command else otherwise or Answer(0, TEXT, "")

        monkeypatch.setattr(jobs, "attempt", run)

    yield answer
    jobs.has_json.cache_clear()


def test_text_and_json_list_the_same_jobs():
    text, json_ = read_text_queue(TEXT), read_json_queue(JSON, user=0)
    assert sorted(text) == sorted(json_)
    assert [job.number for job in sorted(json_)] == ["1", "2", "3", "7"]
    assert WAITS in json_


def test_jobs_of_others_and_those_that_are_over_are_left_out_of_json():
    assert {job["job_state"] for job in JSON["jobs"]} > {"CANCELLED", "COMPLETED"}
    assert [job.number for job in read_json_queue(JSON, user=65534)] == ["4"]
    assert read_json_queue(JSON, user=1000) == []


def test_a_state_may_be_a_list_with_flags():
    newer = copy.deepcopy(JSON)
    for job in newer["jobs"]:
        job["job_state"] = [job["job_state"]]
    assert read_json_queue(newer, user=0) == read_json_queue(JSON, user=0)
    newer["jobs"][0]["job_state"] = ["CANCELLED", "COMPLETING"]
    assert "1" in [job.number for job in read_json_queue(newer, user=0)]


@pytest.mark.parametrize(
    "to_json",
    [Answer(0, json.dumps(JSON), ""), NO_JSON, Answer(0, '{"jobs": [{}]}', ""), Answer(1, "", "no serializer plugin")],
    ids=["JSON", "no such option", "fields of another version", "no plugin"],
)
def test_the_queue_is_read_with_and_without_json(squeue, to_json):
    squeue(to_json)
    assert WAITS in jobs.queued_jobs()
    assert jobs.is_queued("7")
    assert not jobs.is_queued("6")
    assert jobs.successors("1") == ["2"]
    assert [job.number for job in jobs.submitted_jobs(Path("/tmp"))] == ["2"]
    assert jobs.submitted_jobs(ROOT) == []


def test_support_for_json_is_looked_up_once(squeue, monkeypatch):
    squeue(NO_JSON)
    assert not jobs.has_json()
    squeue(Answer(0, json.dumps(JSON), ""))
    assert not jobs.has_json()


def test_a_queue_that_does_not_answer_is_an_error(squeue):
    silent = Answer(1, "", "slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
    squeue(silent, silent)
    with refused("slurm-unavailable", "slurm_load_jobs error: Unable to contact slurm controller"):
        jobs.queued_jobs()
