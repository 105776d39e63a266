"""What a user reads before a run."""

import re

import pytest

from plan_table import Table, X, plan_of
from scope.audit.explain import Job
from scope.planning import notices
from scope.planning.notices import preflight_notices, renamed_folder, to_be_deleted

BYTES = {"student": None, "teacher": None}


def test_jobs_gpu_hours_memory_and_disk_space_are_projected():
    whole, jobs, hours, memory, disk = preflight_notices(plan_of(), BYTES)
    assert re.match(r"whole experiment: \d+ jobs, \S+ .B of disk at the end; 0 of 2 updates exist", whole)
    assert re.match(r"jobs: \d+ .*rollout_shared 1, .*rollout 1, verify 1, score 1, weigh 2, update 2", jobs)
    assert hours.startswith("GPU hours: not projected")
    assert re.match(r"memory per GPU: about update \S+ MB, score ", memory)
    assert re.match(r"disk: about \S+ .B at the end", disk)


def test_the_whole_experiment_counts_finished_work_and_names_how_much_of_it_exists():
    cost = {stage: {"wall_s": 1800, "gpus": 2} for stage in ("rollout", "score", "update")}
    table = Table()
    before = preflight_notices(plan_of(table, rounds=3, expected_cost=cost), BYTES)[0]
    for round_ in (1, 2):
        table.add(X.round("scope", 0, round_).metrics)
    after = preflight_notices(plan_of(table, rounds=3, expected_cost=cost), BYTES)[0]
    assert "; 0 of 3 updates exist; below, Snakemake counts the jobs that still have to run" in before
    assert after == before.replace("0 of 3", "2 of 3")
    assert re.search(r"jobs, about \d+ GPU hours, ", after)


def test_a_single_target_has_warnings_alone():
    assert preflight_notices(plan_of(), BYTES, whole=False) == []
    (line,) = preflight_notices(plan_of(arms=["scope", "scope_tau1"]), BYTES, whole=False)
    assert line.startswith("Warning: arms scope and scope_tau1 compute the same")


def test_what_the_experiment_has_already_counts_only_where_space_is_short(monkeypatch):
    assert "taken already" not in preflight_notices(plan_of(), BYTES)[-1]
    monkeypatch.setattr(notices, "free_bytes", lambda path: 1000)
    assert "2.0 MB taken already" in preflight_notices(plan_of(), BYTES)[-1]


def test_arms_that_compute_the_same_are_named():
    said = preflight_notices(plan_of(arms=["scope", "scope_tau1"]), BYTES)
    assert said[0] == "Warning: arms scope and scope_tau1 compute the same: all but round 1 is computed twice"


def test_odd_settings_are_named_once_with_all_arms_that_have_them(monkeypatch):
    monkeypatch.setattr(notices, "advice", lambda config: ["this is odd"])
    assert notices.odd_settings(plan_of(arms=["scope", "kd"])) == ["Warning: scope, kd: this is odd"]


# What the retention policy deletes of earlier rounds.


def rounds_of(table, rounds=(1, 2, 3)):
    for round_ in rounds:
        place = X.round("scope", 0, round_)
        for manifest in (place.policy, place.state):
            table.add(manifest)


def deletes(table, **keep):
    return to_be_deleted(plan_of(table, rounds=4, retention={"keep_policies_every": 1, "keep_states_every": 1, **keep}))


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        ({}, None),
        ({"keep_rollouts": "last"}, None),
        ({"keep_policies_every": 0}, "3 x policy, 6.0 MB"),
        ({"keep_policies_every": 2}, "2 x policy, 4.0 MB"),
        ({"keep_policies_every": 2, "keep_states_every": 0}, "2 x policy and 3 x state, 10 MB"),
        ({"keep_policies_every": 0, "keep_best": True}, "3 x policy, 6.0 MB, except the best policy"),
        ({"keep_states_every": 0, "keep_best": True}, "3 x state, 6.0 MB"),
    ],
)
def test_what_exists_and_is_not_kept_is_announced(keep, said):
    table = Table()
    rounds_of(table)
    assert deletes(table, **keep) == ([f"retention: deletes from earlier rounds: {said}"] if said else [])


def test_the_last_round_and_what_does_not_exist_are_not_announced():
    table = Table()
    rounds_of(table, [4])
    assert deletes(table, keep_policies_every=0, keep_states_every=0) == []
    rounds_of(table, [1])
    table.delete(X.round("scope", 0, 1).policy)
    assert deletes(table, keep_policies_every=0, keep_states_every=0) == [
        "retention: deletes from earlier rounds: 1 x state, 2.0 MB"
    ]


def test_a_round_that_was_retired_under_the_same_policy_is_not_announced_again():
    table = Table()
    rounds_of(table)
    plan = plan_of(table, rounds=4, retention={"keep_policies_every": 0, "keep_best": True})
    for round_ in (1, 2, 3):
        table.add(X.round("scope", 0, round_).retired, plan.arm("scope").recipes["retire"])
    assert to_be_deleted(plan) == []
    other = plan_of(table, rounds=4, retention={"keep_policies_every": 0, "keep_best": False})
    assert to_be_deleted(other) == ["retention: deletes from earlier rounds: 3 x policy, 6.0 MB"]


# Code that changed.


def test_rules_whose_code_changed_are_named_once_with_their_modules(monkeypatch):
    found = {
        "verify": ["setting a: 1 -> 2", "code: scope/verify/pool.py changed"],
        "weigh": ["code: scope/b.py is new", "code: scope/a.py changed"],
        "update": ["follows batch"],
    }
    monkeypatch.setattr(notices, "causes", lambda job, made_again: found[job.rule])
    jobs = [Job(rule, [f"{rule}.parquet"], [], "{}", "") for rule in ("verify", "verify", "weigh", "update")]
    assert notices.code_changes(jobs) == [
        "verify runs again, code: scope/verify/pool.py changed",
        "weigh runs again, code: scope/a.py changed; code: scope/b.py is new",
    ]


def test_a_renamed_folder_of_results_is_named_with_its_old_name():
    table = Table()
    table.add(X.shared.prompts, inputs=["results/old/shared/models/student/manifest.json", "results/other/rows.jsonl"])
    (line,) = renamed_folder(plan_of(table))
    assert "results/x was made as results/old" in line
    assert "`experiment: old`" in line
    table.add(X.shared.prompts, inputs=[X.shared.model("student")])
    assert renamed_folder(plan_of(table)) == []
