"""Metrics, and costs: one row per optimizer step."""

from collections.abc import Sequence

import pyarrow as pa

from scope.artifacts.parquet import Schema

METRIC_NAMES = (
    "loss",
    "loss_mle",
    "loss_nll",
    "loss_opd",
    "loss_pg",
    "trained",
    "share_correct",
    "ppl_student_correct",
    "ppl_student_incorrect",
    "ppl_teacher_incorrect",
    "ess_correct",
    "ess_incorrect",
    "advantage_incorrect",
    "advantage_incorrect_positive",
    "entropy",
    "response_tokens",
    "truncated",
    "ratio_mean",
    "ratio_max",
    "ess",
    "clipped",
    "kl_reference",
    "engine_gap_mean",
    "engine_gap_max",
    "grad_norm",
    "learning_rate",
)
"""What one optimizer step logs, in the order of the report; null where the method has no such figure."""
COST_NAMES = (
    "tokens_per_second",
    "seconds_old_logprobs",
    "seconds_forward",
    "seconds_backward",
    "seconds_optimizer",
    "peak_gpu_gb",
    "peak_resident_gb",
    "mfu",
)
"""What a step costs (scope/update/step_cost.py), which no other run repeats: it is kept beside the times of jobs."""


def _of_steps(name: str, figures: Sequence[str]) -> Schema:
    keys = [pa.field(key, pa.int32(), False) for key in ("round", "step")]
    columns = pa.schema([*keys, *(pa.field(figure, pa.float64()) for figure in figures)])
    return Schema(name=name, sort_keys=("round", "step"), columns=columns)


METRICS = _of_steps("metrics", METRIC_NAMES)
STEP_COSTS = _of_steps("step_costs", COST_NAMES)
