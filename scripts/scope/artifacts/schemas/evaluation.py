"""Evaluations: one row per graded sample of a benchmark."""

import pyarrow as pa

from scope.artifacts.parquet import Schema

EVALUATION = Schema(
    name="evaluation",
    sort_keys=("sampling", "benchmark", "problem_id", "sample_index"),
    columns=pa.schema(
        [
            pa.field("sampling", pa.string(), False),
            pa.field("benchmark", pa.string(), False),
            pa.field("problem_id", pa.string(), False),
            pa.field("sample_index", pa.int32(), False),
            pa.field("correct", pa.bool_(), False),
            pa.field("reason", pa.string(), False),
            pa.field("tokens", pa.int32(), False),
            pa.field("finish_reason", pa.string(), False),
            pa.field("extracted", pa.string()),
            pa.field("response_text", pa.string(), False),
        ]
    ),
)
