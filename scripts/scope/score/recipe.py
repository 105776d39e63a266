"""The recipe of the stage `score`."""

from typing import Literal

from scope.artifacts.recipe import Settings
from scope.models.dtype import ModelArithmetic
from scope.score.settings import Scoring


class Scorer(Settings):
    """Who scores which rollouts, how, and at which temperature."""

    model: Literal["teacher", "reference"]
    scored: Literal["incorrect", "all"]
    temperature: float
    teacher: Scoring


class ScoreRecipe(Settings):
    """What decides the scores of rollouts."""

    scorer: Scorer | None
    """Null where the method needs no scores."""
    models: ModelArithmetic
