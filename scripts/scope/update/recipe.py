"""The recipe of the stages `update` and `restore`, which share a script."""

from typing import Literal

from scope.artifacts.recipe import Settings
from scope.models.dtype import ModelArithmetic


class Guards(Settings):
    """Limits that stop an update; null: none."""

    max_engine_gap: float | None
    max_ratio: float | None
    min_ess: float | None


class LoraSettings(Settings):
    """Low-rank adapters of linear layers (update/lora.py)."""

    rank: int
    alpha: int
    targets: Literal["all-linear"] | list[str]


class UpdateSettings(Settings):
    """Optimizer steps of one round; update/execution.py has the keys that change no result."""

    steps_per_round: int
    prompts_per_step: int
    learning_rate: float
    schedule: Literal["constant", "linear"]
    warmup_steps: int
    total_steps: int | None
    weight_decay: float
    grad_clip: float
    lora: LoraSettings | None
    tis_cap: float | None
    guards: Guards


class UpdateRecipe(Settings):
    """What decides the policy after a round, beside its batch."""

    update: UpdateSettings
    student_temperature: float
    teacher_temperature: float | None
    """Of the exact KL; null where it is not computed."""
    models: ModelArithmetic
