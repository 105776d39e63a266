"""The recipe of the stage `summary`."""

from scope.artifacts.recipe import Settings
from scope.evaluate.sampling import SamplingSettings


class SummaryReport(Settings):
    """What it holds of the section `report`."""

    bootstrap: int


class SummaryEvaluation(Settings):
    """What it holds of the section `evaluation`."""

    sampling: dict[str, SamplingSettings]


class SummaryRecipe(Settings):
    """What decides the table of a policy's accuracy."""

    report: SummaryReport
    evaluation: SummaryEvaluation
