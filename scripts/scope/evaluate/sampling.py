"""A way of sampling evaluations, as the recipes of several stages hold it."""

from scope.artifacts.recipe import Settings


class SamplingSettings(Settings):
    """One of `evaluation.sampling`."""

    temperature: float
    top_p: float
    top_k: int
    repetition_penalty: float
