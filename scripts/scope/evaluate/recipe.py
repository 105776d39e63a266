"""The recipe of the stage `evaluate`."""

from typing import Literal

from scope.artifacts.recipe import Settings
from scope.evaluate.sampling import SamplingSettings
from scope.models.dtype import ModelArithmetic


class EvaluationSettings(Settings):
    """How a policy is sampled on a benchmark."""

    engine: Literal["vllm", "transformers"]
    n: int
    max_tokens: int
    sampling: dict[str, SamplingSettings]
    shards: int
    seed: int


class PromptLength(Settings):
    """The longest prompt."""

    max_prompt_tokens: int


class EvaluateRecipe(Settings):
    """What decides the samples of a policy on a benchmark."""

    evaluation: EvaluationSettings
    models: ModelArithmetic
    data: PromptLength
