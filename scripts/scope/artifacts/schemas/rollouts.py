"""Rollouts: one row per sampled response."""

import pyarrow as pa

from scope.artifacts.parquet import Schema
from scope.artifacts.schemas.fields import LOGPROBS, SAMPLE_KEY, SAMPLE_KEY_FIELDS, TOKEN_IDS

ROLLOUTS = Schema(
    name="rollouts",
    sort_keys=SAMPLE_KEY,
    columns=pa.schema(
        [
            *SAMPLE_KEY_FIELDS,
            pa.field("response_token_ids", TOKEN_IDS, False),
            pa.field("response_text", pa.string(), False),
            pa.field("logprobs", LOGPROBS, False),
            pa.field("finish_reason", pa.string(), False),
        ]
    ),
)
