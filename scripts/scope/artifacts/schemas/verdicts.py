"""Verdicts: one row per rollout."""

import pyarrow as pa

from scope.artifacts.parquet import Schema
from scope.artifacts.schemas.fields import SAMPLE_KEY, SAMPLE_KEY_FIELDS

VERDICTS = Schema(
    name="verdicts",
    sort_keys=SAMPLE_KEY,
    columns=pa.schema(
        [
            *SAMPLE_KEY_FIELDS,
            pa.field("correct", pa.bool_(), False),
            pa.field("extracted", pa.string()),
            pa.field("reason", pa.string(), False),
        ]
    ),
)
