"""The recipe of the stage `figure`."""

from scope.artifacts.recipe import Settings
from scope.evaluate.sampling import SamplingSettings
from scope.report.recipe import ReportStart


class FigureReport(Settings):
    """What it holds of the section `report`."""

    bootstrap: int


class FigureEvaluation(Settings):
    """What it holds of the section `evaluation`."""

    sampling: dict[str, SamplingSettings]


class FigureRecipe(Settings):
    """What decides a figure."""

    report: FigureReport
    evaluation: FigureEvaluation
    arms: list[str]
    starts: dict[str, ReportStart]
