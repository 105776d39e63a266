"""The recipes of the checks of rows: `check_rows` of training, and `check_problems` of a benchmark, one script."""

from scope.artifacts.recipe import Settings
from scope.prompts.rows import DecontaminationSettings, ProblemRows, RowActions, RowsSettings


class CheckedTraining(Settings):
    """Training problems, and what is done about the issues of single rows: a dropped one is compared with no other."""

    train: RowsSettings | None
    """None where problems are generated, which are not checked."""
    on_issue: RowActions
    decontamination: DecontaminationSettings


class CheckedBenchmark(Settings):
    """Problems of a benchmark."""

    benchmarks: dict[str, RowsSettings]
    """The one benchmark by its name; empty for a generated one, which is not checked."""


class CheckRowsRecipe(Settings):
    """What decides what is found in rows of training."""

    data: CheckedTraining
    held_out: dict[str, ProblemRows]
    """Benchmarks by name, whose problems training problems are compared with."""


class CheckProblemsRecipe(Settings):
    """What decides what is found in rows of a benchmark."""

    data: CheckedBenchmark
