"""Metrics: one row per optimizer step."""

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

METRICS = Schema(
    name="metrics",
    sort_keys=("round", "step"),
    columns=pa.schema(
        [
            pa.field("round", pa.int32(), False),
            pa.field("step", pa.int32(), False),
            *(pa.field(name, pa.float64()) for name in METRIC_NAMES),
        ]
    ),
)
