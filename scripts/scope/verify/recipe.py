"""The recipe of the stage `verify`."""

from scope.artifacts.recipe import Settings


class VerifyRecipe(Settings):
    """Verdicts depend on no setting."""
