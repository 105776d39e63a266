"""The arithmetic of every stage that runs a model."""

from typing import Literal

from scope.artifacts.recipe import Settings

Dtype = Literal["float32", "bfloat16"]
Attention = Literal["auto", "sdpa", "eager", "flash_attention_2"]
"""`auto`: packed_attention.py where that is the architecture's; the others are implementations of transformers."""


class ModelArithmetic(Settings):
    """What such a stage's recipe holds of the section `models`."""

    dtype: Dtype
