"""The models and settings whose memory measure_memory.py measures."""

from typing import Any, NamedTuple

import library  # noqa: F401
from scope.models.dtype import Attention


class Case(NamedTuple):
    """One measurement: a model, and how it is trained."""

    hidden: int
    layers: int
    vocabulary: int
    tokens: int
    """of a micro-batch"""
    dtype: str = "bfloat16"
    stage: int = 1
    teacher: bool = False
    checkpointing: bool = False
    attention: Attention = "auto"
    kind: str = "qwen3"
    rows: int = 4
    """of a micro-batch"""
    score: bool = False
    """Score the rows in place of training on them"""
    lora: int = 0
    """Rank of adapters on all linear layers; 0: all weights are trained"""

    @property
    def config(self) -> dict[str, Any]:
        """What its config.json would say."""
        return {
            "model_type": self.kind,
            "hidden_size": self.hidden,
            "intermediate_size": 3 * self.hidden,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.hidden // 64,
            "num_key_value_heads": max(1, self.hidden // 128),
            "head_dim": 64,
            "vocab_size": self.vocabulary,
            "max_position_embeddings": 32768,
            "tie_word_embeddings": False,
        }


CASES = (
    Case(128, 2, 1_024, 512),
    Case(128, 4, 1_024, 8_192),
    Case(128, 4, 1_024, 8_192, dtype="float32"),
    Case(128, 2, 152_000, 512),
    Case(128, 2, 152_000, 512, dtype="float32"),
    Case(128, 2, 152_000, 512, teacher=True),
    Case(128, 2, 152_000, 512, dtype="float32", teacher=True),
    Case(256, 4, 32_000, 1_024, stage=0),
    Case(256, 4, 32_000, 1_024, dtype="float32", stage=0),
    Case(256, 4, 32_000, 1_024, stage=2),
    Case(256, 4, 32_000, 2_048),
    Case(256, 4, 32_000, 2_048, dtype="float32"),
    Case(512, 8, 8_000, 1_024, kind="llama"),
    Case(512, 8, 8_000, 1_024, dtype="float32", kind="qwen2", rows=1),
    Case(1_024, 4, 8_000, 512),
    Case(128, 4, 1_024, 1_024, attention="eager"),
    Case(128, 8, 1_024, 1_024, attention="sdpa"),
    Case(256, 8, 1_024, 4_096, checkpointing=True),
    Case(256, 4, 32_000, 2_048, lora=16),
    Case(512, 8, 8_000, 1_024, dtype="float32", kind="llama", lora=16),
    Case(1_024, 4, 8_000, 512, stage=0, lora=64),
    Case(256, 4, 32_000, 4_096, score=True),
    Case(256, 4, 32_000, 4_096, dtype="float32", score=True),
    Case(512, 2, 64, 8_192, score=True),
)
WARM_UP = Case(64, 1, 64, 64)
"""What is trained first, so that libraries that load late do not count."""
