"""What an update needs of a GPU's memory, and which single change of a key lowers it."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from scope.config.experiment import Config
from scope.config.training import Lora
from scope.models.pack_plan import PACK_TOKENS
from scope.planning.adapters import trained_parameters
from scope.planning.derived import exact_kl
from scope.planning.disk import readable
from scope.planning.memory import Pass, Training, Update, offloads, state_bytes, update_bytes
from scope.planning.model_shape import ModelShape
from scope.planning.plan import Plan
from scope.planning.stage_need import ERROR, Need, longest_pack, shape_of_model
from scope.update.execution import zero_optimization

WORTH = 0.95
"""A change is named where it leaves at most this share."""
NAMED = 4
"""How many changes are named, those that leave least"""


def update_need(plan: Plan, arm: Config) -> Need:
    """The need of an arm's update, as far as its student is known."""
    shape, found = shape_of_model(plan, "student"), _held(plan, arm)
    size, remedy = _bytes(found), partial(_remedies, plan, arm)
    if isinstance(found, int):
        parts = f"weights and optimizer {readable(size)}"
        return Need("update", size, size, f"update more than {readable(size)}", parts, remedy)
    sure = int(size * (1 - ERROR)) if isinstance(shape, ModelShape) and shape.calibrated else found.states
    return Need("update", size, sure, f"update {readable(size)}", _parts(found), remedy)


def _bytes(found: Update | int) -> int:
    return found if isinstance(found, int) else found.peak


def _held(plan: Plan, arm: Config) -> Update | int:
    """What a process holds; its weights and optimizer states alone where the sizes of the student are not known."""
    shape, update = shape_of_model(plan, "student"), arm.update
    zero = zero_optimization(update.deepspeed, update.ranks, arm.models.dtype)
    training = Training(arm.models.dtype, update.ranks, zero, Pass(0), update.checkpoint_activations)
    if update.lora:
        of_student = shape if isinstance(shape, int) else shape.parameters
        training = training._replace(adapters=trained_parameters(arm, of_student))
    if isinstance(shape, int):
        return state_bytes(shape, training)
    training = training._replace(batch=longest_pack(arm, shape, _micro_batch_tokens(arm), update.attention))
    teacher = shape_of_model(plan, "teacher") if exact_kl(arm) else None
    return update_bytes(shape, training, teacher if isinstance(teacher, ModelShape) else None)


def _micro_batch_tokens(arm: Config) -> int:
    return arm.update.micro_batch_tokens or PACK_TOKENS["cuda"]


def _parts(found: Update) -> str:
    named = {
        "weights and optimizer": found.states,
        "gradients": found.gradients,
        "activations": found.activations + (found.layer if found.layer > found.head else 0),
        "head": found.head if found.head >= found.layer else 0,
    }
    return ", ".join(f"{name} {readable(size)}" for name, size in named.items() if size)


def _remedies(plan: Plan, arm: Config) -> str:
    """The single changes that leave least, each with what the update takes then."""
    now = _bytes(_held(plan, arm))
    then = {text: _bytes(_held(plan, changed)) for text, changed in _changes(arm)}
    best = sorted((text for text in then if then[text] <= WORTH * now), key=lambda text: then[text])[:NAMED]
    if not best:
        return "no single change of a key of update lowers it: choose a smaller model"
    return "with one change it takes " + ", ".join(f"{readable(then[text])} ({text})" for text in best)


def _changes(arm: Config) -> Iterator[tuple[str, Config]]:
    """Each change in words, and the configuration with it."""
    update, longest = arm.update, arm.data.max_prompt_tokens + arm.rollout.max_tokens
    zero = zero_optimization(update.deepspeed, update.ranks, arm.models.dtype)
    if not update.checkpoint_activations:
        yield "update.checkpoint_activations: true", _with(arm, checkpoint_activations=True)
    if _micro_batch_tokens(arm) > longest:
        text = f"update.micro_batch_tokens: {longest}, the tokens of the longest row"
        yield text, _with(arm, micro_batch_tokens=longest)
    if not update.lora:
        yield "update.lora: {rank: 16}", _with(arm, lora=Lora(rank=16))
    if exact_kl(arm):
        yield (
            "objective.kl: sampled",
            arm.model_copy(update={"objective": arm.objective.model_copy(update={"kl": "sampled"})}),
        )
    for stage in range(zero["stage"] + 1, 4):
        yield f"update.deepspeed.zero_optimization.stage: {stage}", _with_zero(arm, {**zero, "stage": stage})
    if not offloads(zero, "optimizer"):
        changed = {**zero, "stage": zero["stage"] or 1, "offload_optimizer": {"device": "cpu"}}
        yield "update.deepspeed.zero_optimization.offload_optimizer: {device: cpu}", _with_zero(arm, changed)
    yield f"update.ranks: {2 * update.ranks}", _with(arm, ranks=2 * update.ranks)


def _with(arm: Config, **changes: Any) -> Config:
    return arm.model_copy(update={"update": arm.update.model_copy(update=changes)})


def _with_zero(arm: Config, zero: dict[str, Any]) -> Config:
    return _with(arm, deepspeed={**arm.update.deepspeed, "zero_optimization": zero})
