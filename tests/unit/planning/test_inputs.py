"""What each job of a round is made from, by the method of its arm; no file is needed to know."""

import pytest

from plan_table import Table, X, job, plan_of
from refusals import refused
from scope.planning import inputs

STUDENT, TEACHER = X.shared.model("student"), X.shared.model("teacher")
CHECK = X.shared.check("check_teacher")
METHODS = ("scope", "opd", "grpo", "kd", "scope_released", "scope_full_kl")
FIRST, SECOND = X.round("scope", 0, 1), X.round("scope", 0, 2)


@pytest.mark.parametrize("arm", [name for name in METHODS if name != "kd"])
def test_a_policy_samples_its_own_rollouts_from_round_2_on(arm):
    plan = plan_of(arms=[arm])
    assert inputs.rollout(plan, job(arm=arm, seed=0, round=2, shard=0))["policy"] == X.round(arm, 0, 1).policy


@pytest.mark.parametrize(("arm", "round_"), [(arm, 1) for arm in METHODS] + [("kd", 2)])
def test_what_no_policy_of_an_arm_samples_is_shared(arm, round_):
    plan = plan_of(arms=[arm])
    shared = X.shared_round(plan.arm(arm).rollouts, 0, round_)
    with refused("shared-rollouts", shared.folder):
        inputs.rollout(plan, job(arm=arm, seed=0, round=round_, shard=0))
    made = inputs.weigh(plan, job(arm=arm, seed=0, round=round_))
    assert made["rollouts"] == [shared.shard("rollout", 0)]
    assert made["verdicts"] == [shared.shard("verify", 0)]


def test_the_base_policy_samples_round_1_and_the_checked_teacher_samples_for_kd():
    plan = plan_of(arms=["scope", "kd"])
    of = {arm: job(rollouts=plan.arm(arm).rollouts, seed=0, round=1, shard=0) for arm in ("scope", "kd")}
    assert inputs.rollout_shared(plan, of["scope"]) == {"policy": STUDENT, "student": []}
    assert inputs.rollout_shared(plan, of["kd"]) == {"policy": TEACHER, "student": STUDENT, "checked": CHECK}


def test_arms_with_equal_sampling_share_rollouts_and_those_with_other_sampling_do_not():
    plan = plan_of(variants={"hot": {"rollout": {"temperature": 1.5}}}, arms=["scope", "opd", "grpo", "hot"])
    folders = [inputs.sampled_round(plan, arm, 0, 1).folder for arm in plan.config.arms]
    assert folders[0] == folders[1] == folders[2] != folders[3]


@pytest.mark.parametrize(
    ("arm", "scorer"),
    [
        ("scope", "teacher"),
        ("opd", "teacher"),
        ("scope_released", "teacher"),
        ("scope_full_kl", "teacher"),
        ("grpo", "student"),
    ],
)
def test_the_checked_teacher_scores_and_under_grpo_the_base_policy(arm, scorer):
    plan = plan_of(arms=[arm], objective={"kl_coefficient": 0.1} if arm == "grpo" else {})
    expected = {"scorer": TEACHER, "checked": CHECK} if scorer == "teacher" else {"scorer": STUDENT}
    of_arm = plan.arm(arm)
    assert inputs.score(plan, job(arm=arm, seed=0, round=2, shard=0, scores="score")) == expected
    shared = job(rollouts=of_arm.rollouts, scores=of_arm.scores, seed=0, round=1, shard=0)
    assert inputs.score_shared(plan, shared) == expected


def test_a_batch_is_weighed_from_the_scores_on_its_rollouts():
    plan = plan_of(arms=["scope"])
    of_arm = plan.arm("scope")
    first = inputs.weigh(plan, job(arm="scope", seed=0, round=1))
    assert first["scores"] == [X.shared_round(of_arm.rollouts, 0, 1).shard(of_arm.scores, 0)]
    assert inputs.weigh(plan, job(arm="scope", seed=0, round=2)) == {
        "rollouts": [SECOND.shard("rollout", 0)],
        "verdicts": [SECOND.shard("verify", 0)],
        "scores": [SECOND.shard("score", 0)],
    }


def test_kd_weighs_without_scores():
    assert inputs.weigh(plan_of(arms=["kd"]), job(arm="kd", seed=0, round=2))["scores"] == []


def test_every_shard_is_weighed_and_no_other_is_made():
    plan = plan_of(arms=["scope"], rollout={"shards": 3})
    made = inputs.weigh(plan, job(arm="scope", seed=0, round=2))
    assert made["rollouts"] == [SECOND.shard("rollout", shard) for shard in range(3)]
    with refused("no-such-shard", "number 3", "shards is 3"):
        inputs.rollout(plan, job(arm="scope", seed=0, round=2, shard=3))
    with refused("no-such-shard", "number 3", "shards is 3"):
        inputs.rollout_shared(plan, job(rollouts=plan.arm("scope").rollouts, seed=0, round=1, shard=3))


@pytest.mark.parametrize("arm", METHODS)
def test_an_update_continues_policy_and_state_and_needs_the_teacher_for_the_exact_kl_alone(arm):
    plan = plan_of(arms=[arm])
    models = {"base": [], "teacher": TEACHER if arm == "scope_full_kl" else []}
    before = X.round(arm, 3, 1)
    assert inputs.update(plan, job(arm=arm, seed=3, round=1)) == {
        "policy": STUDENT,
        "state": [],
        **models,
    }
    assert inputs.update(plan, job(arm=arm, seed=3, round=2)) == {
        "policy": before.policy,
        "state": before.state,
        **models,
    }


def test_an_arm_with_other_settings_of_the_teacher_has_checks_of_its_own():
    plan = plan_of(variants={"wide": {"teacher": {"pack_tokens": 512}}}, arms=["scope", "wide"])
    assert plan.check_file(plan.arm("scope")) == CHECK
    own = plan.check_file(plan.arm("wide"))
    assert own == X.shared.check(plan.arm("wide").check)
    assert plan.check_recipe(plan.arm("wide").check) == plan.arm("wide").recipes["check_teacher"]
    assert plan.check_recipe("check_teacher") == plan.arm("scope").recipes["check_teacher"]


def test_shared_work_of_settings_that_no_arm_has_any_more_is_refused():
    with refused("outdated-folder", "results/x/shared/student-n9-T1-0a1b: ", "(scope)", "logprob_temperature"):
        plan_of().shared("student-n9-T1-0a1b")


def test_an_arm_that_the_experiment_does_not_list_can_be_asked_for_and_an_unknown_one_cannot():
    plan = plan_of(arms=["scope"])
    assert plan.arm("opd").config.objective.method == "opd"
    with refused("no-such-arm", "nobody"):
        plan.arm("nobody")


def test_a_model_to_make_needs_the_tokenizer():
    assert inputs.model_tokenizer(plan_of(), job(model="student")) == X.shared.tokenizer


# Arms that start from another arm's policy.

AFTER = {"after": {"start": {"arm": "kd", "round": 2}}}
KD = X.round("kd", 0, 2)


def started(table=None, **variant):
    return plan_of(table, arms=["kd", "after"], variants={"after": {**AFTER["after"], **variant}})


def test_an_arm_starts_from_another_ones_policy_and_continues_with_its_own():
    plan, first, second = started(), *(job(arm="after", seed=0, round=round_, shard=0) for round_ in (1, 2))
    own = X.round("after", 0, 1)
    assert [inputs.rollout(plan, each)["policy"] for each in (first, second)] == [KD.policy, own.policy]
    assert [inputs.update(plan, each)["policy"] for each in (first, second)] == [KD.policy, own.policy]
    assert [inputs.update(plan, each)["state"] for each in (first, second)] == [[], own.state]
    assert inputs.weigh(plan, first)["rollouts"] == [own.shard("rollout", 0)], "no other arm shares its round 1"
    assert inputs.place_arguments(plan, first) == "--arm after --seed 0 --round 1 --start kd 2"
    assert inputs.place_arguments(plan, second) == "--arm after --seed 0 --round 2 --start kd 2"
    of_other = job(arm="kd", seed=0, round=1)
    assert inputs.place_arguments(plan, of_other) == "--arm kd --seed 0 --round 1"


def test_what_an_arm_starts_from_is_its_reference_and_the_base_of_its_adapters():
    lora, grpo = started(update={"lora": {"rank": 4}}), started(objective={"method": "grpo", "kl_coefficient": 0.1})
    later = job(arm="after", seed=0, round=2, shard=0)
    assert inputs.update(lora, later)["base"] == KD.policy
    assert inputs.score(grpo, later) == {"scorer": KD.policy}


def test_an_arm_is_not_started_from_a_policy_that_was_deleted():
    table = Table()
    table.delete(KD.policy)
    first = job(arm="after", seed=0, round=1, shard=0)
    with refused("deleted-start", KD.policy):
        inputs.update(started(table), first)
    table.add(X.round("after", 0, 1).policy)
    assert inputs.update(started(table), first)["policy"] == KD.policy, "a started arm is as it was"
