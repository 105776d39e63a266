"""Which files each job of a round is made from, by the method of its arm.

A function for each rule takes the plan and the job: an object with the wildcards of the rule as attributes.
"""

from typing import Any

from scope.artifacts.round_paths import Round
from scope.errors import InputError
from scope.planning.adapters import check_targets
from scope.planning.arm import ArmPlan
from scope.planning.benchmarks import solution_files, training_files
from scope.planning.context import check_evaluation, check_rollout, check_served
from scope.planning.memory_needs import check_evaluation_memory, check_memory
from scope.planning.plan import Plan
from scope.planning.sources import check_solutions

Inputs = dict[str, str | list[str]]


def round_of(plan: Plan, job: Any) -> Round:
    """The round of an arm that a job belongs to."""
    return plan.layout.round(job.arm, job.seed, job.round)


def policy_before(plan: Plan, job: Any) -> str:
    """The policy that an arm's round starts from: that of the round before, in round 1 `first_policy`."""
    round_ = int(job.round)
    return first_policy(plan, job.arm, job.seed) if round_ == 1 else round_of(plan, job).other(round_ - 1).policy


def first_policy(plan: Plan, arm: str, seed: int | str) -> str:
    """The policy that an arm starts from: the base policy, or that of another arm's round.

    Raises InputError where that one is deleted and the arm has not started.
    """
    start = plan.arm(arm).config.start
    if not start:
        return plan.layout.shared.model("student")
    policy = plan.layout.round(start.arm, seed, start.round).policy
    if plan.files.deleted(policy) and not plan.files.exists(plan.layout.round(arm, seed, 1).policy):
        raise InputError(
            f"{arm}: start names {policy}, which was deleted after its round; start from the last round, or from "
            "one that `retention` keeps",
            "deleted-start",
        )
    return policy


def place_arguments(plan: Plan, job: Any) -> str:
    """Where a job that may read the first policy of its arm runs, as arguments."""
    start = plan.arm(job.arm).config.start
    place = f"--arm {job.arm} --seed {job.seed} --round {job.round}"
    return f"{place} --start {start.arm} {start.round}" if start else place


def sampled_round(plan: Plan, arm: str, seed: int | str, round_: int | str) -> Round:
    """The folder of an arm's rollouts and verdicts of a round: its own, or one that several arms use."""
    of_arm = plan.arm(arm)
    if of_arm.shares_rollouts(int(round_)):
        return plan.layout.shared_round(of_arm.rollouts, seed, round_)
    return plan.layout.round(arm, seed, round_)


def shards(plan: Plan, arm: str, seed: int | str, round_: int | str, stage: str) -> list[str]:
    """An arm's files of `rollout`, `verify` or a folder of scores, all shards of a round."""
    place = sampled_round(plan, arm, seed, round_)
    return [place.shard(stage, shard) for shard in range(plan.arm(arm).config.rollout.shards)]


def rollout(plan: Plan, job: Any) -> Inputs:
    """The policy that samples an arm's own rollouts."""
    of_arm = plan.arm(job.arm)
    if of_arm.shares_rollouts(int(job.round)):
        shared = sampled_round(plan, job.arm, job.seed, job.round).folder
        raise InputError(f"{job.arm}, round {job.round}: its rollouts are shared; ask for {shared}", "shared-rollouts")
    _check_shard(of_arm, job)
    check_rollout(plan, of_arm.config)
    check_memory(plan, of_arm.config, "rollout")
    return {"policy": policy_before(plan, job), "student": []}


def rollout_shared(plan: Plan, job: Any) -> Inputs:
    """The base policy, or under KD the teacher with its checks: it samples for all arms with these settings."""
    of_arm, models = plan.shared(job.rollouts), plan.layout.shared
    _check_shard(of_arm, job)
    check_rollout(plan, of_arm.config)
    check_memory(plan, of_arm.config, "rollout")
    if of_arm.behaviour == "teacher":
        student = models.model("student")
        return {"policy": models.model("teacher"), "student": student, "checked": plan.check_file(of_arm)}
    return {"policy": models.model("student"), "student": []}


def _check_shard(of_arm: ArmPlan, job: Any) -> None:
    number = of_arm.config.rollout.shards
    if int(job.shard) >= number:
        raise InputError(
            f"no shard of rollouts has the number {job.shard}: rollout.shards is {number}, and they count from 0",
            "no-such-shard",
        )


def score(plan: Plan, job: Any) -> Inputs:
    """What scores an arm's own rollouts; GRPO's reference is what the arm started from."""
    return _scorer(plan, plan.arm(job.arm), first_policy(plan, job.arm, job.seed))


def score_shared(plan: Plan, job: Any) -> Inputs:
    """What scores shared rollouts."""
    return _scorer(plan, plan.shared(job.rollouts, job.scores), plan.layout.shared.model("student"))


def _scorer(plan: Plan, of_arm: ArmPlan, reference: str) -> Inputs:
    """The teacher, with its checks, or the reference policy."""
    check_memory(plan, of_arm.config, "score")
    if of_arm.scorer == "teacher":
        check_served(plan)
        return {"scorer": plan.layout.shared.model("teacher"), "checked": plan.check_file(of_arm)}
    return {"scorer": reference}


def weigh(plan: Plan, job: Any) -> Inputs:
    """All shards of a round; no scores where the objective uses none."""
    of_arm, place = plan.arm(job.arm), (job.arm, job.seed, job.round)
    scores = of_arm.scores if of_arm.shares_rollouts(int(job.round)) else "score"
    return {
        "rollouts": shards(plan, *place, "rollout"),
        "verdicts": shards(plan, *place, "verify"),
        "scores": shards(plan, *place, scores) if of_arm.scorer and scores else [],
    }


def update(plan: Plan, job: Any) -> Inputs:
    """Policy and optimizer state before a round, and models that the update itself needs."""
    round_ = int(job.round)
    config = plan.arm(job.arm).config
    plan.once(("targets", job.arm), lambda: check_targets(config))
    check_memory(plan, config, "update")
    return {
        "policy": policy_before(plan, job),
        "state": [] if round_ == 1 else round_of(plan, job).other(round_ - 1).state,
        **models_of_update(plan, job),
    }


def models_of_update(plan: Plan, job: Any) -> Inputs:
    """What an update needs beside the policy: what adapters belong to, and the teacher of the exact KL."""
    of_arm = plan.arm(job.arm)
    return {
        "base": first_policy(plan, job.arm, job.seed) if of_arm.config.update.lora else [],
        "teacher": plan.layout.shared.model("teacher") if of_arm.exact_kl else [],
    }


def evaluated_model(plan: Plan, job: Any) -> str:
    """The model that is evaluated as `base` or `teacher`."""
    model = "student" if job.policy == "base" else "teacher"
    check_evaluation(plan, model)
    check_evaluation_memory(plan, model)
    return plan.layout.shared.model(model)


def tokenizer(plan: Plan, job: Any) -> list[str]:
    """The training problems whose text a tokenizer is learned from."""
    return prompts(plan, job) if plan.config.models.tokenizer.kind == "bpe" else []


def model_tokenizer(plan: Plan, job: Any) -> str | list[str]:
    """The tokenizer of a model to make; a model folder brings its own."""
    check_solutions(plan, job.model)
    return plan.layout.shared.tokenizer if getattr(plan.config.models, job.model).random_init else []


def solutions(plan: Plan, job: Any) -> list[str]:
    """The files of worked solutions that a model is fine-tuned on."""
    return solution_files(plan.config, job.model, plan.files.exists)


def prompts(plan: Plan, job: Any) -> list[str]:
    """The files of training problems."""
    return training_files(plan.config, plan.files.exists)


def problems(plan: Plan, job: Any) -> list[str]:
    """The files of a benchmark."""
    return plan.benchmarks.files.get(job.benchmark, [])
