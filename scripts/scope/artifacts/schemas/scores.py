"""Scores: the scorer's log-probability of every response token, null where a rollout is not scored."""

import pyarrow as pa

from scope.artifacts.parquet import Schema
from scope.artifacts.schemas.fields import LOGPROBS, SAMPLE_KEY, SAMPLE_KEY_FIELDS

SCORES = Schema(
    name="scores",
    sort_keys=SAMPLE_KEY,
    columns=pa.schema([*SAMPLE_KEY_FIELDS, pa.field("scorer_logprobs", LOGPROBS)]),
)
