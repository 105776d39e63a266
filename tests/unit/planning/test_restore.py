"""Which evaluations a deletion waits for, what a deleted policy is recomputed from, and what the user reads of it."""

import pytest

from plan_table import Table, X, job, plan_of
from refusals import refused
from scope.artifacts.layout import evaluation_file, samples_file
from scope.planning import restore

STUDENT = X.shared.model("student")
KEEP = {"keep_policies_every": 0, "keep_states_every": 0, "keep_rollouts": "all", "keep_best": False}
ROUNDS = [X.round("scope", 0, round_) for round_ in range(10)]
CELL = {"benchmark": "coins", "sampling": "T1", "shard": 0}


def plan_with(table=None, keep=None, arms=("scope",)):
    """Six rounds, evaluated every two, with both ways of sampling of the demo and a retention policy."""
    settings = {"rounds": 6, "arms": list(arms), "evaluation": {"every": 2}}
    return plan_of(table, retention={**KEEP, **(keep or {})}, **settings)


def evaluated(round_, sampling="T1"):
    return evaluation_file(ROUNDS[round_].evaluations, "coins", sampling, 0)


def sampled(round_, sampling="T1"):
    return samples_file(ROUNDS[round_].evaluations, "coins", sampling, 0)


def finished(plan, table, rounds, **recipes):
    """Rounds as a run leaves them, by the recipes of the plan or by others."""
    of_arm = plan.arm("scope")
    recipes = {**of_arm.recipes, **recipes}
    first = X.shared_round(of_arm.rollouts, 0, 1).shard("rollout", 0)
    table.add(first, recipes["rollout"])
    for round_ in rounds:
        rollouts = first if round_ == 1 else ROUNDS[round_].shard("rollout", 0)
        table.add(ROUNDS[round_].batch, recipes["weigh"], [rollouts])
        before = X.shared.model("student") if round_ == 1 else ROUNDS[round_ - 1].policy
        table.add(ROUNDS[round_].policy, recipes["update"], [ROUNDS[round_].batch, before])
        table.add(ROUNDS[round_].state, recipes["update"])


# What a deletion waits for.


def waits_for(plan, round_):
    waited = restore.evaluations_before_retiring(plan, "scope", 0, round_)
    return sorted({r for r in range(1, 7) for path in waited if f"/round{r}/" in path})


def test_a_deleted_policy_waits_for_its_own_evaluations():
    plan = plan_with()
    assert [waits_for(plan, round_) for round_ in range(1, 6)] == [[], [2], [], [4], []]
    assert restore.evaluations_before_retiring(plan, "scope", 0, 2) == [evaluated(2), evaluated(2, "T0.6")]


def test_a_policy_that_is_kept_waits_for_none():
    assert [waits_for(plan_with(keep={"keep_policies_every": 2}), round_) for round_ in range(1, 6)] == [[]] * 5


def test_the_best_policy_is_found_among_all_evaluated_so_far():
    plan = plan_with(keep={"keep_best": True, "keep_policies_every": 2})
    assert [waits_for(plan, round_) for round_ in range(1, 6)] == [[], [2], [2], [2, 4], [2, 4]]


def test_a_round_is_retired_after_the_next_policy_is_made():
    assert restore.retire_inputs(plan_with(), job(arm="scope", seed=0, round=2))["after"] == ROUNDS[3].policy


def test_a_policy_that_is_gone_waited_for_the_evaluations_that_its_record_names():
    table = Table()
    plan = plan_with(table)
    table.add(ROUNDS[1].retired, inputs=[ROUNDS[1].batch, evaluated(1)])
    table.delete(ROUNDS[1].policy)
    assert restore.evaluations_before_retiring(plan, "scope", 0, 1) == [evaluated(1)]


# Which policy is evaluated.


def policy_for(plan, round_):
    return restore.evaluated_policy(plan, job(arm="scope", seed=0, round=round_, **CELL))


def test_the_policy_of_a_round_is_evaluated_while_it_exists_or_will_be_made():
    table = Table()
    plan = plan_with(table)
    assert policy_for(plan, 2) == ROUNDS[2].policy
    finished(plan, table, [1, 2])
    assert policy_for(plan, 2) == ROUNDS[2].policy


def test_a_deleted_policy_is_restored_to_be_evaluated():
    table = Table()
    plan = plan_with(table)
    finished(plan, table, [1, 2])
    table.delete(ROUNDS[2].policy)
    assert policy_for(plan, 2) == ROUNDS[2].restored.policy


@pytest.mark.parametrize("policy", [ROUNDS[2].policy, ROUNDS[2].restored.policy], ids=["its own", "a restored one"])
def test_a_valid_evaluation_of_a_deleted_policy_is_left_alone(policy):
    table = Table()
    plan = plan_with(table)
    finished(plan, table, [1, 2])
    table.delete(ROUNDS[2].policy)
    table.add(sampled(2), plan.grading_recipe("T1"), [X.shared.problems("coins"), policy])
    assert policy_for(plan, 2) == policy


@pytest.mark.parametrize("change", ["recipe", "input"])
def test_an_evaluation_of_other_settings_or_inputs_is_made_anew_from_the_restored_policy(change):
    table = Table()
    plan = plan_with(table)
    finished(plan, table, [1, 2])
    table.delete(ROUNDS[2].policy)
    recipe = plan.grading_recipe("T1" if change == "input" else "T0.6")
    table.add(sampled(2), recipe, [X.shared.problems("coins"), ROUNDS[2].policy])
    if change == "input":
        table.digests[X.shared.problems("coins")] = "another"
    assert policy_for(plan, 2) == ROUNDS[2].restored.policy


@pytest.mark.parametrize("stage", ["rollout", "weigh", "update"])
def test_a_deleted_policy_that_will_be_trained_again_is_not_restored(stage):
    table = Table()
    plan = plan_with(table)
    finished(plan, table, [1, 2], **{stage: '{"settings": {"of": "before"}}'})
    table.delete(ROUNDS[2].policy)
    assert policy_for(plan, 2) == ROUNDS[2].policy


@pytest.mark.parametrize("round_", [1, 2])
def test_a_round_without_its_batch_is_trained_again(round_):
    table = Table()
    plan = plan_with(table)
    finished(plan, table, [1, 2, 3])
    del table.made[ROUNDS[round_].batch]
    assert [restore.trains_again(plan, "scope", 0, r) for r in (1, 2, 3)] == [r >= round_ for r in (1, 2, 3)]


def test_an_arm_whose_first_rollouts_are_others_is_trained_again():
    table = Table()
    plan = plan_with(table)
    finished(plan, table, [1])
    table.add(ROUNDS[1].batch, plan.arm("scope").recipes["weigh"], ["results/x/shared/others/rollout/0.parquet"])
    assert restore.trains_again(plan, "scope", 0, 1)


# What a deleted policy is recomputed from.


def inputs_of(plan, round_, arm="scope"):
    return restore.restore_inputs(plan, job(arm=arm, seed=0, round=round_))


def test_a_policy_is_recomputed_from_policy_and_state_of_the_round_before():
    table = Table()
    plan = plan_with(table)
    finished(plan, table, range(1, 5))
    table.delete(ROUNDS[4].policy)
    assert inputs_of(plan, 4) == {"policy": ROUNDS[3].policy, "state": ROUNDS[3].state, "base": [], "teacher": []}


@pytest.mark.parametrize("gone", ["policy", "state"])
def test_a_round_before_without_policy_or_state_is_restored_too(gone):
    table = Table()
    plan = plan_with(table)
    finished(plan, table, range(1, 5))
    table.delete(ROUNDS[4].policy)
    table.delete(getattr(ROUNDS[3], gone))
    again = ROUNDS[3].restored
    assert inputs_of(plan, 4) == {"policy": again.policy, "state": again.state, "base": [], "teacher": []}
    assert restore.restart_round(ROUNDS[4], 4, plan) == 2


def test_the_first_policy_is_recomputed_from_the_base_policy():
    table = Table()
    plan = plan_with(table)
    table.delete(ROUNDS[1].policy)
    assert inputs_of(plan, 1) == {"policy": STUDENT, "state": [], "base": [], "teacher": []}
    assert restore.restart_round(ROUNDS[4], 4, plan) == 0


def test_an_update_by_the_exact_kl_is_repeated_with_the_teacher():
    table = Table()
    plan = plan_with(table, arms=["scope_full_kl"])
    table.delete(X.round("scope_full_kl", 0, 1).policy)
    assert inputs_of(plan, 1, "scope_full_kl")["teacher"] == X.shared.model("teacher")


def test_what_was_not_deleted_is_not_restored():
    table = Table()
    plan = plan_with(table)
    with refused("nothing-to-restore"):
        inputs_of(plan, 2)
    finished(plan, table, [1, 2])
    with refused("nothing-to-restore", ROUNDS[2].policy):
        inputs_of(plan, 2)


# What the user reads.


def test_what_is_recomputed_is_announced_once_with_its_cost(tmp_path):
    table = Table()
    plan = plan_with(table)
    finished(plan, table, range(1, 5))
    for round_ in (2, 3, 4):
        table.delete(ROUNDS[round_].policy)
    (tmp_path / "update.tsv").write_text("s\tmax_rss\n7.5\t1\n")
    table.timings = [tmp_path / "update.tsv"]
    for round_ in (4, 3, 2):
        inputs_of(plan, round_)
    assert table.said == [
        f"{ROUNDS[4].folder}/policy was deleted by the retention policy; to recompute it, 3 update(s) from round 1 on "
        "are repeated, about 22 s"
    ]


def test_without_times_no_cost_is_announced():
    table = Table()
    table.delete(ROUNDS[1].policy)
    inputs_of(plan_with(table), 1)
    (said,) = table.said
    assert said.endswith("to recompute it, 1 update(s) from the base policy on are repeated")


def test_an_arm_that_starts_from_another_one_names_it_as_the_origin():
    table = Table()
    table.delete(ROUNDS[1].policy)
    start = {"scope": {"start": {"arm": "opd", "round": 2}}}
    inputs_of(plan_of(table, arms=["scope", "opd"], variants=start), 1)
    (said,) = table.said
    assert said.endswith("to recompute it, 1 update(s) from round 2 of opd on are repeated")


def test_policies_that_are_restored_already_are_not_announced():
    table = Table()
    plan = plan_with(table)
    for round_ in (1, 2):
        table.delete(ROUNDS[round_].policy)
        table.add(ROUNDS[round_].restored.policy)
    inputs_of(plan, 2)
    assert table.said == []


def test_nothing_is_announced_where_a_valid_evaluation_is_all_that_was_asked_for():
    table = Table()
    plan = plan_with(table)
    finished(plan, table, [1, 2])
    table.delete(ROUNDS[2].policy)
    table.add(sampled(2), plan.grading_recipe("T1"), [ROUNDS[2].restored.policy])
    policy_for(plan, 2)
    inputs_of(plan, 2)
    assert table.said == []


def test_the_cost_of_an_update_is_the_median_of_its_timings(tmp_path):
    assert restore.update_seconds([]) is None
    for number, seconds in enumerate((5.0, 900.0, 7.5)):
        (tmp_path / f"{number}.tsv").write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:05\t1\n")
    assert restore.update_seconds(tmp_path.glob("*.tsv")) == 7.5


def test_an_arm_that_starts_from_another_policy_now_trains_again():
    table = Table()
    finished(plan_with(table), table, [1, 2])
    assert not restore.trains_again(plan_with(table), "scope", 0, 2)

    def again():
        return restore.trains_again(moved(), "scope", 0, 1)

    def moved():
        start = {"scope": {"start": {"arm": "opd", "round": 1}}}
        return plan_of(table, arms=["scope", "opd"], variants=start)

    own, other, of = ROUNDS[1].shard("rollout", 0), X.round("opd", 0, 1), moved().arm
    table.add(own, of("scope").recipes["rollout"])
    table.add(ROUNDS[1].batch, of("scope").recipes["weigh"], [own])
    shared = X.shared_round(of("opd").rollouts, 0, 1).shard("rollout", 0)
    table.add(other.batch, of("opd").recipes["weigh"], [shared])
    table.add(other.policy, of("opd").recipes["update"], [STUDENT])
    assert again(), "its policy is of the student"
    table.add(ROUNDS[1].policy, of("scope").recipes["update"], [other.policy])
    assert not again()
    table.add(other.policy, "{}", [STUDENT])
    assert again(), "the policy that it starts from is made anew"
