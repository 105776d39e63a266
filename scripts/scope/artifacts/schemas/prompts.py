"""Prompts of training, or the problems of a benchmark: one row per prompt."""

import pyarrow as pa

from scope.artifacts.parquet import Schema
from scope.artifacts.schemas.fields import TOKEN_IDS

PROMPTS = Schema(
    name="prompts",
    sort_keys=("prompt_id",),
    columns=pa.schema(
        [
            pa.field("prompt_id", pa.string(), False),
            pa.field("problem", pa.string(), False),
            pa.field("answer", pa.string(), False),
            pa.field("source", pa.string(), False),
            pa.field("domain", pa.string(), False),
            pa.field("tests", pa.string()),
            pa.field("tolerance", pa.float64()),
            pa.field("prompt_token_ids", TOKEN_IDS, False),
        ]
    ),
)
