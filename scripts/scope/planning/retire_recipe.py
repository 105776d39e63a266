"""The recipe of the stage `retire`."""

from typing import Literal

from scope.artifacts.recipe import Settings


class RetentionSettings(Settings):
    """What stays of a finished round."""

    keep_policies_every: int
    keep_best: bool
    keep_states_every: int
    keep_rollouts: Literal["all", "last"]


class RetireRecipe(Settings):
    """What decides which files of a finished round are deleted."""

    retention: RetentionSettings
