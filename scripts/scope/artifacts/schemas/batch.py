"""The batch of a round: one row per rollout that is trained on, with its loss and weight."""

import pyarrow as pa

from scope.artifacts.parquet import Schema
from scope.artifacts.schemas.fields import LOGPROBS, SAMPLE_KEY, SAMPLE_KEY_FIELDS, TOKEN_IDS

BATCH = Schema(
    name="batch",
    sort_keys=("step", *SAMPLE_KEY),
    columns=pa.schema(
        [
            pa.field("step", pa.int32(), False),
            *SAMPLE_KEY_FIELDS,
            pa.field("prompt_token_ids", TOKEN_IDS, False),
            pa.field("response_token_ids", TOKEN_IDS, False),
            pa.field("logprobs", LOGPROBS),
            pa.field("scorer_logprobs", LOGPROBS),
            pa.field("correct", pa.bool_(), False),
            pa.field("truncated", pa.bool_(), False),
            pa.field("path", pa.string(), False),
            pa.field("loss", pa.string(), False),
            pa.field("weight", pa.float64(), False),
            pa.field("advantage", pa.float64()),
            pa.field("normaliser", pa.float64(), False),
        ]
    ),
)
