"""The recipe of the stage `retire`."""

from typing import Literal

from scope.artifacts.recipe import Settings


class RetentionSettings(Settings):
    """What stays of a finished round."""

    policies_every: int
    best: bool
    states_every: int
    rollouts: Literal["all", "last"]


class RetireRecipe(Settings):
    """What decides which files of a finished round are deleted."""

    retention: RetentionSettings
