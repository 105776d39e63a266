"""What one stage takes of a GPU's memory, and what all stages need to know for it."""

from collections.abc import Callable
from typing import NamedTuple

from scope.artifacts.weight_headers import weights_in
from scope.config.experiment import Config
from scope.planning.content import model_folder
from scope.planning.memory import DENSE_TOKENS, Pass, dense_bytes
from scope.planning.model_shape import ModelShape, model_shape
from scope.planning.plan import Plan

ERROR = 0.15
"""What is allowed for the error of the model: 11 % was the largest that was measured (docs/memory.md)."""


class Need(NamedTuple):
    """What a stage of an arm takes of one GPU."""

    stage: str
    bytes: int
    certain: int
    """Bytes below which it cannot be, whatever the error"""
    text: str
    parts: str
    remedy: Callable[[], str]
    """What to change, worked out where it is asked for"""


def shape_of_model(plan: Plan, name: str) -> ModelShape | int:
    """Of the student or the teacher; the number of its parameters alone where config.json has no sizes."""

    def read() -> ModelShape | int:
        folder = model_folder(plan.config, name)
        return model_shape(plan.config, name, folder, weights_in(folder))

    return plan.once(("shape", name), read)


def longest_pack(arm: Config, shape: ModelShape, budget: int, attention: str) -> Pass:
    """The largest pack: of the budget, or a longer row; attention with a mask has smaller packs."""
    batch = Pass(max(budget, arm.data.max_prompt_tokens + arm.rollout.max_tokens), attention)
    if not dense_bytes(shape, batch, 1):
        return batch
    return Pass(max(min(budget, DENSE_TOKENS), arm.data.max_prompt_tokens + arm.rollout.max_tokens), attention)
