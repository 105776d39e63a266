"""The recipe of the stage `report`."""

from collections.abc import Mapping

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


class ReportModel(Settings):
    """Where a model comes from, as the configuration states it."""

    path: str | None
    random_init: dict[str, int] | None
    """The shape of a made model."""
    sft: dict[str, str | int | float | None] | None
    """Supervised steps; `rows` is a file, or a dataset at a revision, or null: generated problems."""


class ReportStudent(ReportModel):
    """The student, and which one of the paper's tables it is compared with."""

    name: str | None
    """Its name, where the paper has a student of this name."""


class ReportModels(Settings):
    """What it holds of the section `models`."""

    dtype: str
    student: ReportStudent
    teacher: ReportModel


class Origin(Settings):
    """Dataset and licence of a set of problems."""

    dataset: str | None
    licence: str | None


class ReportStart(Settings):
    """The policy that an arm starts from, where it is not the student."""

    arm: str
    round: int


Starts = Mapping[str, ReportStart]
"""By arm."""


class ReportRecipe(Settings):
    """What decides the report, beside the artifacts that it reads."""

    report: ReportSettings
    evaluation: ReportEvaluation
    models: ReportModels
    experiment: str
    seeds: list[int]
    rounds: int
    arms: list[str]
    starts: dict[str, ReportStart]
    origins: dict[str, Origin]
    """By `train`, and by the name of each benchmark."""
