"""The recipe of the stage `rollout`."""

from typing import Literal

from scope.artifacts.recipe import Settings
from scope.models.dtype import ModelArithmetic


class RolloutSettings(Settings):
    """Sampling of the training rollouts."""

    engine: Literal["vllm", "transformers"]
    n: int
    temperature: float
    max_tokens: int
    shards: int


class PromptLength(Settings):
    """The longest prompt."""

    max_prompt_tokens: int


class RolloutRecipe(Settings):
    """What decides the rollouts of a round."""

    rollout: RolloutSettings
    behaviour: Literal["student", "teacher"]
    """The behaviour policy; rollouts of the teacher are a static set."""
    student_temperature: float
    """Of the log-probabilities that are stored."""
    models: ModelArithmetic
    data: PromptLength
    prompts_per_round: int
