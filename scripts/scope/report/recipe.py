"""The recipe of the stage `report`."""

from scope.artifacts.recipe import Settings
from scope.evaluate.sampling import SamplingSettings


class ReportSettings(Settings):
    """The section `report`."""

    title: str
    question: str
    bootstrap: int


class ReportEvaluation(Settings):
    """How the policies were sampled."""

    sampling: dict[str, SamplingSettings]
    n: int
    max_tokens: int


STUDENTS = ("DeepSeek-R1-Distill-Qwen-1.5B", "Qwen3-1.7B-Base")
"""The students of the paper's tables, as their folders are called."""


class ReportStudent(Settings):
    """Which student the paper's tables are compared with."""

    name: str | None
    """Its name, where the paper has a student of this name."""


class ReportModels(Settings):
    """What it holds of the section `models`."""

    student: ReportStudent


class Origin(Settings):
    """Dataset and licence of a set of problems."""

    dataset: str | None
    licence: str | None


class ReportRecipe(Settings):
    """What decides the report, beside the artifacts that it reads."""

    report: ReportSettings
    evaluation: ReportEvaluation
    models: ReportModels
    experiment: str
    seeds: list[int]
    rounds: int
    arms: list[str]
    origins: dict[str, Origin]
    """By `train`, and by the name of each benchmark."""
