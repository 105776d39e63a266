"""What Snakemake compares with no recipe is compared by what the artifacts carry."""

import json
from types import SimpleNamespace

import pytest

from plan_table import Table, X, plan_of
from scope.artifacts.layout import evaluation_file, record_file, samples_file
from scope.planning import unrecorded
from scope.planning.unrecorded import described, force_outdated, outdated, planned

ROUND = X.round("scope", 0, 2)
TRIGGERS = ("MTIME", "PARAMS", "INPUT")


def stages_of(plan):
    """Artifacts of every kind, with the stage that makes each."""
    base, shared = X.shared.evaluations("base"), X.shared_round(plan.arm("scope").rollouts, 0, 1)
    return {
        ROUND.batch: "weigh",
        ROUND.policy: "update",
        ROUND.state: "update",
        ROUND.metrics: "update",
        ROUND.shard("rollout", 0): "rollout",
        ROUND.shard("verify", 0): "verify",
        ROUND.shard("score", 0): "score",
        shared.shard("rollout", 0): "rollout",
        shared.shard(plan.arm("scope").scores, 0): "score",
        samples_file(base, "coins", "T1", 0): "evaluate",
        evaluation_file(base, "coins", "T1", 0): "grade",
        X.shared.model("student"): "model",
        X.shared.tokenizer: "tokenizer",
        X.shared.prompts: "prompts",
        X.shared.problems("coins"): "problems",
        record_file(X.shared.found_in("coins")): "check_problems",
        X.shared.check("check_teacher"): "check_teacher",
    }


def test_each_artifact_has_its_stage_and_the_recipe_of_now():
    table = Table()
    plan = plan_of(table)
    for path, stage in stages_of(plan).items():
        found, recipe = planned(plan, path)
        assert found == stage, path
        table.add(path, recipe)
    assert outdated(plan, stages_of(plan)) == {}


def test_a_changed_tau_makes_the_weights_outdated_and_nothing_before_them():
    table = Table()
    before = plan_of(table)
    for path in stages_of(before):
        table.add(path, planned(before, path)[1])
    after = plan_of(table, objective={"tau": 0.5})
    assert outdated(after, stages_of(before)) == {ROUND.batch: "weigh"}


NOT_PLANNED = (
    X.round("gone", 0, 1).batch,
    "results/x/shared/prompt.parquet",
    "elsewhere.parquet",
    X.shared_round("student-n1-T1-0", 0, 1).shard("rollout", 0),
    ROUND.restored.policy,
)


@pytest.mark.parametrize("path", NOT_PLANNED)
def test_what_is_not_planned_is_left_alone(path):
    assert planned(plan_of(), path) is None


@pytest.mark.parametrize(
    ("triggers", "recorded", "forced"),
    [(TRIGGERS, True, False), (TRIGGERS, False, True), (("MTIME",), True, True)],
)
def test_only_what_snakemake_does_not_compare_is_forced(monkeypatch, triggers, recorded, forced):
    table = Table()
    table.add(ROUND.batch, json.dumps({"code": "other"}))
    monkeypatch.setattr(unrecorded, "artifacts_below", lambda folder: [ROUND.batch])
    monkeypatch.setattr(unrecorded, "is_recorded", lambda path: recorded)
    names = [SimpleNamespace(name=name) for name in triggers]
    files = {"report"}
    lines = force_outdated(plan_of(table), names, files)
    assert files == {"report"} | ({ROUND.batch} if forced else set())
    assert any("rerun-triggers" in line for line in lines) == ("PARAMS" not in triggers)
    assert any("made again: weigh 1" in line for line in lines) == forced


def test_nothing_is_written_where_nothing_differs():
    assert described({}, compares_params=True) == []
