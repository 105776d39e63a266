"""Why a job would run: a shared file that is missing because a setting names its folder comes with that setting."""

import pytest

from scope.artifacts import parquet
from scope.artifacts.recipe import make_recipe
from scope.artifacts.schemas.scores import SCORES
from scope.audit.explain import Job, explain

SHARED = "results/x/shared"
OLD, NEW = "student-n4-T1-0123456789", "student-n8-T1-abcdef0123"


@pytest.fixture
def lines(tmp_path, monkeypatch):
    """Writes files, each of some settings, and explains jobs that would make others."""
    monkeypatch.chdir(tmp_path)

    def explained(existing, *missing):
        for path, settings in existing.items():
            parquet.write(f"{SHARED}/{path}", SCORES, [], recipe=make_recipe("score", settings))
        jobs = [Job("score", [f"{SHARED}/{p}"], [], make_recipe("score", s), "") for p, s in missing]
        return list(explain(jobs))

    return explained


def shard(folder, number=0):
    return f"{folder}/seed0/round1/rollout/{number}.parquet"


def test_the_setting_that_names_a_folder_is_named_once_for_all_shards(lines):
    n = {4: {"rollout": {"n": 4}}, 8: {"rollout": {"n": 8}}}
    assert lines({shard(OLD): n[4], shard(OLD, 1): n[4]}, (shard(NEW), n[8]), (shard(NEW, 1), n[8])) == [
        f"score: 2 jobs, first {SHARED}/{shard(NEW)}",
        "    rollout not found",
        f"    setting rollout.n: 4 -> 8, compared with {SHARED}/{OLD}",
    ]


def test_of_several_folders_the_one_most_like_it_is_compared(lines):
    other = "student-n4-T0.5-00000000ff"
    existing = {shard(other): {"n": 4, "T": 0.5}, shard(OLD): {"n": 4, "T": 1}}
    assert lines(existing, (shard(NEW), {"n": 8, "T": 1}))[2:] == [
        f"    setting n: 4 -> 8, compared with {SHARED}/{OLD}"
    ]


def test_files_that_are_named_after_settings_are_compared_too(lines):
    found = lines({"check_teacher_0123456789.parquet": {"k": 1}}, ("check_teacher_abcdef0123.parquet", {"k": 2}))
    assert found[1:] == [
        "    check_teacher not found",
        f"    setting k: 1 -> 2, compared with {SHARED}/check_teacher_0123456789",
    ]


def test_a_file_of_a_new_experiment_has_nothing_to_be_compared_with(lines):
    assert lines({}, (shard(NEW), {"n": 8}))[1:] == ["    rollout not found"]
