"""Samples of an evaluation: one row per sampled response to a problem of a benchmark."""

import pyarrow as pa

from scope.artifacts.parquet import Schema
from scope.artifacts.schemas.fields import SAMPLE_KEY, SAMPLE_KEY_FIELDS

SAMPLES = Schema(
    name="samples",
    sort_keys=SAMPLE_KEY,
    columns=pa.schema(
        [
            *SAMPLE_KEY_FIELDS,
            pa.field("response_text", pa.string(), False),
            pa.field("tokens", pa.int32(), False),
            pa.field("finish_reason", pa.string(), False),
        ]
    ),
)
