"""Columns that several artifacts have in common."""

import pyarrow as pa

SAMPLE_KEY = ("prompt_id", "sample_index")
"""What names one response: its prompt, and its number among the samples of that prompt."""

SAMPLE_KEY_FIELDS = (pa.field("prompt_id", pa.string(), False), pa.field("sample_index", pa.int32(), False))
TOKEN_IDS = pa.list_(pa.field("element", pa.int32(), False))
LOGPROBS = pa.list_(pa.field("element", pa.float32(), False))
