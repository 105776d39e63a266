"""Evaluations: one row per graded sample of a benchmark; its text is in the samples."""

import pyarrow as pa

from scope.artifacts.parquet import Schema
from scope.artifacts.schemas.fields import SAMPLE_KEY, SAMPLE_KEY_FIELDS

EVALUATION = Schema(
    name="evaluation",
    sort_keys=("sampling", "benchmark", *SAMPLE_KEY),
    columns=pa.schema(
        [
            pa.field("sampling", pa.string(), False),
            pa.field("benchmark", pa.string(), False),
            *SAMPLE_KEY_FIELDS,
            pa.field("correct", pa.bool_(), False),
            pa.field("reason", pa.string(), False),
            pa.field("tokens", pa.int32(), False),
            pa.field("finish_reason", pa.string(), False),
            pa.field("extracted", pa.string()),
        ]
    ),
)
