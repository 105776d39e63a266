"""The one table of stages: which there are, which scripts each runs, and where its jobs run."""

from typing import NamedTuple


class Stage(NamedTuple):
    """A stage of the pipeline, which is a rule of the workflow."""

    name: str
    scripts: tuple[str, ...]
    """The files in scripts/, without their suffix: one of which a job runs."""
    per_arm: bool = False
    """Whether its recipe follows from the settings of one arm."""
    remote: bool = False
    """Whether its jobs go to the cluster; all others run beside the controller."""
    gpu: bool = False
    """Whether its jobs hold a model on GPUs."""
    in_round: bool = False
    """Whether it is a link of the chain of one round."""
    like: str | None = None
    """The stage with the same recipe and duration, where a rule does the same work elsewhere."""


VERIFIERS = ("verify_math", "verify_code", "verify_puzzle")


def _stage(name: str, *scripts: str, like: str | None = None, **facts: bool) -> Stage:
    return Stage(name, scripts or (name,), like=like, **facts)


# In the order in which they first run.
STAGES = {
    stage.name: stage
    for stage in (
        _stage("tokenizer"),
        _stage("model", "model", "sft", remote=True),
        _stage("check_rows"),
        _stage("check_problems", "check_rows"),
        _stage("prompts"),
        _stage("problems", "prompts"),
        _stage("check_teacher", per_arm=True, remote=True, gpu=True),
        _stage("rollout_shared", "rollout", per_arm=True, remote=True, gpu=True, like="rollout"),
        _stage("verify_shared", *VERIFIERS, per_arm=True, like="verify"),
        _stage("score_shared", "score", per_arm=True, remote=True, gpu=True, like="score"),
        _stage("rollout", per_arm=True, remote=True, gpu=True, in_round=True),
        _stage("verify", *VERIFIERS, per_arm=True, in_round=True),
        _stage("score", per_arm=True, remote=True, gpu=True, in_round=True),
        _stage("weigh", per_arm=True, in_round=True),
        _stage("update", per_arm=True, remote=True, gpu=True, in_round=True),
        _stage("evaluate", remote=True, gpu=True),
        _stage("evaluate_shared", "evaluate", remote=True, gpu=True, like="evaluate"),
        _stage("grade", *VERIFIERS),
        _stage("grade_shared", *VERIFIERS, like="grade"),
        _stage("retire", per_arm=True),
        _stage("restore", "update", per_arm=True, remote=True, gpu=True, like="update"),
        _stage("summary"),
        _stage("export"),
        _stage("report"),
        _stage("arm_report", "report", like="report"),
        _stage("figure"),
    )
}
REMOTE = tuple(stage.name for stage in STAGES.values() if stage.remote)
ON_GPUS = tuple(stage.name for stage in STAGES.values() if stage.gpu)
PER_ARM = tuple(stage.name for stage in STAGES.values() if stage.per_arm and stage.like is None)
CHAIN = tuple(stage.name for stage in STAGES.values() if stage.in_round)
"""The stages of a round, one after the other."""
WITH_RECIPE = tuple(stage.name for stage in STAGES.values() if stage.like is None)
"""The stages that a recipe can be made for."""
RESOURCES = {"nodes": 1, "gpu": 0, "mem_mb": 4000}
"""What a stage on the cluster requests unless a profile sets more: `gpu` is the number on all nodes together, `mem_mb`
that of one node."""


def base_stage(name: str) -> str:
    """The stage that a stage is like; itself where it is like no other."""
    return STAGES[name].like or name
