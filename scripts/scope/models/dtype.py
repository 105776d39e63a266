"""The arithmetic of every stage that runs a model."""

from typing import Literal

from scope.artifacts.recipe import Settings

Dtype = Literal["float32", "bfloat16"]


class ModelArithmetic(Settings):
    """What such a stage's recipe holds of the section `models`."""

    dtype: Dtype
