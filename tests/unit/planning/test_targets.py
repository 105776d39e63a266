"""What is asked for by `all`, by reports and by figures."""

import pytest

from plan_table import Table, X, job, plan_of
from refusals import refused
from scope.artifacts.layout import evaluation_file
from scope.planning import targets
from scope.planning.benchmarks import held_out_files, training_files
from scope.report.figure_names import NAMES

FILE = {"path": "data/{}.parquet", "problem": "question", "answer": "answer"}


def test_policies_are_asked_for_round_by_round():
    plan = plan_of(arms=["scope", "kd"], seeds=[0, 7])
    runs = [("scope", 0), ("scope", 7), ("kd", 0), ("kd", 7)]
    assert targets.policies(plan) == [X.round(*run, round_).policy for round_ in (1, 2) for run in runs]


def test_every_round_but_the_last_is_retired_where_anything_is_to_be_deleted():
    assert targets.retired_rounds(plan_of(rounds=3)) == []
    plan = plan_of(rounds=3, retention={"keep_policies_every": 2})
    assert targets.retired_rounds(plan) == [X.round("scope", 0, round_).retired for round_ in (1, 2)]


@pytest.mark.parametrize(("every", "rounds"), [(0, [6]), (1, [1, 2, 3, 4, 5, 6]), (4, [4, 6]), (6, [6]), (9, [6])])
def test_the_last_round_is_evaluated_and_every_so_many_before_it(every, rounds):
    assert targets.evaluated_rounds(plan_of(rounds=6, evaluation={"every": every})) == rounds


def test_the_base_policy_the_teacher_and_every_arm_are_evaluated_by_every_sampling_and_shard():
    plan = plan_of(evaluation={"every": 0, "shards": 2})
    folders = [X.shared.evaluations("base"), X.shared.evaluations("teacher"), X.round("scope", 0, 2).evaluations]
    cells = [(sampling, shard) for sampling in ("T1", "T0.6") for shard in (0, 1)]
    expected = [evaluation_file(folder, "coins", *cell) for folder in folders for cell in cells]
    assert targets.evaluations(plan, ["scope"]) == expected
    assert targets.evaluations_in(plan, folders[0], ["T1"]) == expected[:2]


def test_a_report_is_made_from_all_metrics_and_the_last_round():
    plan = plan_of(arms=["scope", "kd"])
    of = targets.report_inputs(plan, ["kd"])
    last = X.round("kd", 0, 2)
    assert of["metrics"] == [X.round("kd", 0, 1).metrics, last.metrics]
    assert of["batches"] == [last.batch]
    assert of["rollouts"] == [X.shared_round(plan.arm("kd").rollouts, 0, 2).shard("rollout", 0)]
    assert of["verdicts"] == [X.shared_round(plan.arm("kd").rollouts, 0, 2).shard("verify", 0)]


def test_a_report_shows_no_rollouts_that_were_deleted():
    table, last = Table(), X.round("scope", 0, 2)
    plan = plan_of(table)
    assert targets.last_rollouts(plan, "rollout", ["scope"]) == [last.shard("rollout", 0)]
    table.add(last.retired)
    assert targets.last_rollouts(plan, "rollout", ["scope"]) == []
    table.add(last.shard("rollout", 0))
    assert targets.last_rollouts(plan, "rollout", ["scope"]) == [last.shard("rollout", 0)]


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_made_from_evaluations_or_from_metrics(name):
    plan = plan_of()
    of = targets.figure_inputs(plan, job(figure=name))
    accuracy = name in ("accuracy", "pass_at_k")
    assert of["evaluations"] == (targets.evaluations(plan, ["scope"]) if accuracy else [])
    assert of["metrics"] == ([] if accuracy else targets.metrics(plan, ["scope"]))


def test_an_unknown_figure_is_refused():
    with refused("no-such-figure", "nothing", "accuracy, pass_at_k"):
        targets.figure_inputs(plan_of(), job(figure="nothing"))


# Benchmarks in files.


def real(table):
    """An experiment on files: training problems and the benchmarks `one` and `two`."""
    rows = {name: {**FILE, "path": FILE["path"].format(name)} for name in ("train", "one", "two")}
    benchmarks = {name: rows[name] for name in ("one", "two")}
    data = {"puzzle": None, "train": rows["train"], "benchmarks": benchmarks, "template": "{problem}"}
    return plan_of(table, data=data)


def test_a_benchmark_without_its_file_is_skipped():
    table = Table()
    table.add("data/two.parquet")
    plan = real(table)
    assert plan.benchmarks.names == ["two"]
    assert plan.benchmarks.skipped == {"one": "data/one.parquet not found; create it"}
    assert targets.problems(plan) == [X.shared.problems("two")]
    assert list(plan.available.data.benchmarks) == ["two"]
    assert "one" not in plan.recipe("prompts")


def test_without_any_benchmark_nothing_is_planned():
    with refused("no-benchmark", "data/one.parquet", "data/two"):
        real(Table())


def test_training_problems_are_compared_with_the_benchmarks_that_are_chosen():
    table = Table()
    for name in ("one", "two"):
        table.add(f"data/{name}.parquet")
    plan = real(table)
    assert held_out_files(plan.config, plan.benchmarks) == {"one": ["data/one.parquet"], "two": ["data/two.parquet"]}


def test_missing_training_problems_are_named():
    table = Table()
    table.add("data/one.parquet")
    plan = real(table)
    with refused("no-such-file", "data.train", "data/train.parquet"):
        training_files(plan.config, table.exists)
    table.add("data/train.parquet")
    assert training_files(plan.config, table.exists) == ["data/train.parquet"]
    assert training_files(plan_of().config, table.exists) == []
