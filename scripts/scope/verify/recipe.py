"""The recipe of the stages `verify` and `grade`."""

from scope.artifacts.recipe import Settings


class VerifyRecipe(Settings):
    """Verdicts depend on no setting."""
