"""What an experiment's stages need of a GPU's memory: one line before a run, and refusals of what cannot fit."""

from collections.abc import Iterator

from scope.config.experiment import Config
from scope.errors import InputError
from scope.method.table import method_of
from scope.models.pack_plan import PACK_TOKENS
from scope.planning.disk import WIDTH, readable
from scope.planning.memory import cache_bytes, score_bytes
from scope.planning.model_shape import ModelShape
from scope.planning.plan import Plan
from scope.planning.stage_need import ERROR, Need, longest_pack, shape_of_model
from scope.planning.update_need import update_need

CONTEXT = 1_500_000_000
"""Bytes of CUDA, NCCL and kernels on a GPU beside what torch allocates: not measured here."""
VLLM_SHARE = 0.92
"""vLLM's gpu_memory_utilization, which the workflow leaves at its default."""


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
    beside = f" beside about {readable(CONTEXT)} of CUDA and its kernels"
    return [
        f"{line}; of {limit:g} GB",
        *(f"Warning: {need.stage} may not fit a GPU with {limit:g} GB: {_problem(need, beside)}" for need in tight),
    ]


def check_memory(plan: Plan, arm: Config, stage: str) -> None:
    """Raise InputError where a stage of an arm cannot fit the GPU that the configuration names."""
    limit = plan.config.gpu_memory_gb
    if limit:
        for need in needs(plan, arm):
            if need.stage == stage:
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


def _problem(need: Need, beside: str = "") -> str:
    return f"it takes about {readable(need.bytes)} ({need.parts}){beside}; {need.remedy()}"


def needs(plan: Plan, arm: Config) -> list[Need]:
    """The needs of an arm's update, score, rollout and evaluation, as far as they run on a GPU of the workflow."""
    return plan.once(("memory", id(arm)), lambda: list(_needs(plan, arm)))  # the plan keeps its arms


def _needs(plan: Plan, arm: Config) -> Iterator[Need]:
    method = method_of(arm.objective)
    yield update_need(plan, arm)
    if method.scorer and (method.scorer != "teacher" or arm.teacher.backend == "in_process"):
        yield _score(arm, shape_of_model(plan, "teacher" if method.scorer == "teacher" else "student"))
    if arm.rollout.engine == "vllm":
        yield _sampled(arm, "rollout", shape_of_model(plan, method.behaviour), arm.rollout.max_tokens)
    if arm.evaluation.engine == "vllm":
        yield max((_evaluated(plan, arm, model) for model in ("student", "teacher")), key=lambda need: need.bytes)


def _evaluated(plan: Plan, config: Config, model: str) -> Need:
    return _sampled(config, "evaluate", shape_of_model(plan, model), config.evaluation.max_tokens)


def _score(arm: Config, shape: ModelShape | int) -> Need:
    w = WIDTH[arm.models.dtype]

    def remedy() -> str:
        return "lower teacher.pack_tokens, or serve the teacher (teacher.backend)"

    if isinstance(shape, int):
        return Need("score", w * shape, w * shape, f"score more than {readable(w * shape)}", "weights", remedy)
    batch = longest_pack(arm, shape, arm.teacher.pack_tokens or PACK_TOKENS["cuda"], arm.teacher.attention)
    size, weights = score_bytes(shape, batch, arm.models.dtype), shape.weights(w)
    sure = int(size * (1 - ERROR)) if shape.calibrated else weights
    parts = f"weights {readable(weights)}, a pass of {batch.tokens:,} tokens {readable(size - weights)}"
    return Need("score", size, sure, f"score {readable(size)}", parts, remedy)


def _sampled(arm: Config, stage: str, shape: ModelShape | int, response: int) -> Need:
    """vLLM needs memory for the weights and one sequence, and takes a share of the card for more of them."""
    section = "evaluation" if stage == "evaluate" else stage

    def remedy() -> str:
        return f"lower data.max_prompt_tokens + {section}.max_tokens, or choose a smaller model"

    if isinstance(shape, int):
        weights = WIDTH[arm.models.dtype] * shape
        return Need(stage, weights, weights, f"{stage} more than {readable(weights)}", "weights", remedy)
    tokens, weights = arm.data.max_prompt_tokens + response, shape.weights(WIDTH[arm.models.dtype])
    cache = cache_bytes(shape, tokens, arm.models.dtype)
    text = f"{stage} {readable(weights)} + KV cache of {readable(cache)} per {tokens:,}-token sequence"
    parts = f"weights {readable(weights)}, KV cache of one sequence {readable(cache)}; vLLM takes {VLLM_SHARE:.0%}"
    whole = shape.calibrated and not shape.windowed  # MLA and hybrids hold less than keys and values of every layer
    return Need(stage, weights + cache, weights + (cache if whole else 0), text, parts, remedy)
