"""Which jobs run for their own recipe while the check of their prompts' rows is to run too."""

import pytest

from plan_table import Table, X, job, plan_of
from scope.artifacts.layout import evaluation_file, record_file
from scope.planning.checks import runs_anyway

FILES = {
    "puzzle": None,
    "train": {"path": "train.jsonl"},
    "benchmarks": {"held": {"path": "held.jsonl"}},
}
VERDICTS = X.round("scope", 0, 2).shard("verify", 0)
VERIFY = job(arm="scope", seed=0, round=2, shard=0)
GRADED = evaluation_file(X.shared.evaluations("base"), "held", "T1", 0)
GRADE = job(policy="base", benchmark="held", sampling="T1", shard=0)
OTHER = '{"code": "other"}'


def plan_with(table):
    table.made |= {"train.jsonl": {}, "held.jsonl": {}}
    return plan_of(table, data=FILES)


def checked(table, plan, *, check, output):
    """A finished check and a finished job's output, each by the recipe of now or by another."""
    recipes = {X.shared.found_in_training: plan.recipe("check_rows"), VERDICTS: plan.arm("scope").recipes["verify"]}
    table.add(record_file(X.shared.found_in_training), recipes[X.shared.found_in_training] if check == "now" else OTHER)
    table.add(VERDICTS, recipes[VERDICTS] if output == "now" else OTHER)


@pytest.mark.parametrize(
    ("check", "output", "runs"),
    [("now", "now", False), ("now", "other", False), ("other", "now", False), ("other", "other", True)],
)
def test_a_job_runs_anyway_if_its_recipe_and_that_of_the_check_are_others(check, output, runs):
    table = Table()
    plan = plan_with(table)
    checked(table, plan, check=check, output=output)
    assert runs_anyway(plan, "verify", VERIFY, VERDICTS) == runs


def test_verdicts_on_a_benchmark_follow_the_check_of_its_own_rows():
    table = Table()
    plan = plan_with(table)
    checked(table, plan, check="other", output="other")
    found = X.shared.found_in("held")
    table.add(record_file(found), plan.recipe("check_problems", benchmark="held"))
    table.add(GRADED, OTHER)
    assert not runs_anyway(plan, "grade_shared", GRADE, GRADED)
    again = plan_with(table)
    table.add(record_file(found), OTHER)
    assert runs_anyway(again, "grade_shared", GRADE, GRADED)


def test_before_the_first_run_nothing_runs_anyway():
    assert not runs_anyway(plan_with(Table()), "verify", VERIFY, VERDICTS)
