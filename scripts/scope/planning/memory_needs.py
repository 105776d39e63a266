"""What an experiment's stages need of a GPU's memory: one line before a run, and refusals of what cannot fit."""

from collections.abc import Iterator
from typing import NamedTuple

from scope.artifacts.weight_headers import weights_in
from scope.config.experiment import Config
from scope.errors import InputError
from scope.method.table import method_of
from scope.models.pack_plan import PACK_TOKENS
from scope.planning.adapters import trained_parameters
from scope.planning.content import model_folder
from scope.planning.derived import exact_kl
from scope.planning.disk import readable
from scope.planning.memory import (
    DENSE_TOKENS,
    WIDTH,
    Pass,
    Training,
    Update,
    cache_bytes,
    dense_bytes,
    score_bytes,
    state_bytes,
    update_bytes,
)
from scope.planning.model_shape import ModelShape, model_shape
from scope.planning.plan import Plan
from scope.update.execution import zero_optimization

ERROR = 0.15
"""What is allowed for the error of the model: 11 % was the largest that was measured (docs/memory.md)."""
CONTEXT = 1_500_000_000
"""Bytes of CUDA, NCCL and kernels on a GPU beside what torch allocates: not measured here."""
VLLM_SHARE = 0.92
"""vLLM's gpu_memory_utilization, which the workflow leaves at its default."""


class Need(NamedTuple):
    """What a stage of an arm takes of one GPU."""

    stage: str
    bytes: int
    certain: int
    """Bytes below which it cannot be, whatever the error"""
    text: str
    parts: str
    keys: str
    """What to change"""


def memory_lines(plan: Plan) -> list[str]:
    """The needs of every stage, the largest of all arms, in one line; a warning for each that may not fit."""
    largest: dict[str, Need] = {}
    for arm in plan.arms.values():
        for need in needs(plan, arm):
            if need.stage not in largest or need.bytes > largest[need.stage].bytes:
                largest[need.stage] = need
    limit = plan.config.gpu_memory_gb
    line = f"memory per GPU: about {', '.join(need.text for need in largest.values())}"
    if limit is None:
        return [f"{line} (set gpu_memory_gb to have it checked)"]
    tight = [need for need in largest.values() if need.bytes * (1 + ERROR) + CONTEXT > _available(need, limit)]
    return [
        f"{line}; of {limit:g} GB",
        *(f"Warning: {need.stage} may not fit a GPU with {limit:g} GB: {_problem(need)}" for need in tight),
    ]


def check_memory(plan: Plan, arm: Config, stage: str) -> None:
    """Raise InputError where a stage of an arm cannot fit the GPU that the configuration names."""
    limit = plan.config.gpu_memory_gb
    for need in needs(plan, arm) if limit else ():
        if limit and need.stage == stage:
            _refuse(need, limit)


def check_evaluation_memory(plan: Plan, model: str) -> None:
    """Raise InputError where vLLM cannot evaluate the student or the teacher on the GPU that is named."""
    limit = plan.config.gpu_memory_gb
    if limit and plan.config.evaluation.engine == "vllm":
        _refuse(_evaluated(plan, plan.config, model), limit)


def _refuse(need: Need, limit: float) -> None:
    if need.certain > _available(need, limit):
        raise InputError(
            f"{need.stage} does not fit a GPU with {limit:g} GB (gpu_memory_gb): {_problem(need)}", "too-little-memory"
        )


def _available(need: Need, limit: float) -> float:
    return limit * 1e9 * (VLLM_SHARE if need.stage in ("rollout", "evaluate") else 1)


def _problem(need: Need) -> str:
    return f"it takes about {readable(need.bytes)} ({need.parts}); {need.keys}"


def needs(plan: Plan, arm: Config) -> list[Need]:
    """The needs of an arm's update, score, rollout and evaluation, as far as they run on a GPU of the workflow."""
    return plan.once(("memory", id(arm)), lambda: list(_needs(plan, arm)))  # the plan keeps its arms


def _needs(plan: Plan, arm: Config) -> Iterator[Need]:
    method = method_of(arm.objective)
    yield _update(plan, arm)
    if method.scorer and (method.scorer != "teacher" or arm.teacher.backend == "in_process"):
        yield _score(arm, _shape(plan, "teacher" if method.scorer == "teacher" else "student"))
    if arm.rollout.engine == "vllm":
        yield _sampled(arm, "rollout", _shape(plan, method.behaviour), arm.rollout.max_tokens)
    if arm.evaluation.engine == "vllm":
        yield max((_evaluated(plan, arm, model) for model in ("student", "teacher")), key=lambda need: need.bytes)


def _evaluated(plan: Plan, config: Config, model: str) -> Need:
    return _sampled(config, "evaluate", _shape(plan, model), config.evaluation.max_tokens)


def _shape(plan: Plan, name: str) -> ModelShape | int:
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


def _update(plan: Plan, arm: Config) -> Need:
    shape, update = _shape(plan, "student"), arm.update
    zero = zero_optimization(update.deepspeed, update.ranks, arm.models.dtype)
    training = Training(arm.models.dtype, update.ranks, zero, Pass(0), update.checkpoint_activations)
    if update.lora:
        of_student = shape if isinstance(shape, int) else shape.parameters
        training = training._replace(adapters=trained_parameters(arm, of_student))
    if isinstance(shape, int):
        size = state_bytes(shape, training)
        parts = f"weights and optimizer {readable(size)}"
        return Need("update", size, size, f"update more than {readable(size)}", parts, _update_keys(arm))
    training = training._replace(batch=longest_pack(arm, shape, _micro_batch_tokens(arm), update.attention))
    teacher = _shape(plan, "teacher") if exact_kl(arm) else None
    found = update_bytes(shape, training, teacher if isinstance(teacher, ModelShape) else None)
    sure = int(found.peak * (1 - ERROR)) if shape.calibrated else found.states
    return Need("update", found.peak, sure, f"update {readable(found.peak)}", _parts(found), _update_keys(arm))


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


def _update_keys(arm: Config) -> str:
    update, longest = arm.update, arm.data.max_prompt_tokens + arm.rollout.max_tokens
    keys = [] if update.checkpoint_activations else ["set update.checkpoint_activations: true"]
    if _micro_batch_tokens(arm) > longest:
        keys.append(f"lower update.micro_batch_tokens (the longest row has {longest:,} tokens)")
    else:
        keys.append("lower update.micro_batch_tokens with rollout.max_tokens (a longer row is a pack of its own)")
    return "; ".join([*keys, "raise update.deepspeed.zero_optimization.stage or set its offload_optimizer; "
                      "raise update.ranks"])  # fmt: skip


def _score(arm: Config, shape: ModelShape | int) -> Need:
    keys, w = "lower teacher.pack_tokens, or serve the teacher (teacher.backend)", WIDTH[arm.models.dtype]
    if isinstance(shape, int):
        return Need("score", w * shape, w * shape, f"score more than {readable(w * shape)}", "weights", keys)
    batch = longest_pack(arm, shape, arm.teacher.pack_tokens or PACK_TOKENS["cuda"], arm.teacher.attention)
    size, weights = score_bytes(shape, batch, arm.models.dtype), shape.weights(w)
    sure = int(size * (1 - ERROR)) if shape.calibrated else weights
    parts = f"weights {readable(weights)}, a pass of {batch.tokens:,} tokens {readable(size - weights)}"
    return Need("score", size, sure, f"score {readable(size)}", parts, keys)


def _sampled(arm: Config, stage: str, shape: ModelShape | int, response: int) -> Need:
    """vLLM needs memory for the weights and one sequence, and takes a share of the card for more of them."""
    section = "evaluation" if stage == "evaluate" else stage
    keys = f"lower data.max_prompt_tokens + {section}.max_tokens, or choose a smaller model"
    if isinstance(shape, int):
        weights = WIDTH[arm.models.dtype] * shape
        return Need(stage, weights, weights, f"{stage} more than {readable(weights)}", "weights", keys)
    tokens, weights = arm.data.max_prompt_tokens + response, shape.weights(WIDTH[arm.models.dtype])
    cache = cache_bytes(shape, tokens, arm.models.dtype)
    text = f"{stage} {readable(weights)} + KV cache of {readable(cache)} per {tokens:,}-token sequence"
    parts = f"weights {readable(weights)}, KV cache of one sequence {readable(cache)}; vLLM takes {VLLM_SHARE:.0%}"
    whole = shape.calibrated and not shape.windowed  # MLA and hybrids hold less than keys and values of every layer
    return Need(stage, weights + cache, weights + (cache if whole else 0), text, parts, keys)
