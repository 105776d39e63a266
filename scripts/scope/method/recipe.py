"""The recipe of the stage `weigh`."""

from typing import Literal

from scope.artifacts.recipe import Settings


class ObjectiveSettings(Settings):
    """The section `objective` as the method computes with it: null is what it does not use."""

    method: Literal["scope", "opd", "grpo", "kd"]
    mode: Literal["paper", "released"]
    tau: float | None
    student_weight: Literal["high_ppl", "low_ppl", "uniform"] | None
    teacher_weight: Literal["low_ppl", "high_ppl", "uniform"] | None
    scale: Literal["sum", "mean"] | None
    kl: Literal["sampled", "full"] | None
    token_reduction: Literal["mean", "sum"]
    opd_clip: float | None
    pg_clip: float | None
    kl_coefficient: float | None
    advantage_eps: float | None
    drop_incorrect: bool | None


class StepSettings(Settings):
    """How a round is cut into optimizer steps."""

    steps_per_round: int
    prompts_per_step: int


class WeighRecipe(Settings):
    """What decides the batch of a round."""

    objective: ObjectiveSettings
    update: StepSettings
