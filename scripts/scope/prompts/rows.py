"""Which rows of files are problems, as the recipes of several stages hold it."""

from typing import Literal

from scope.artifacts.recipe import Settings

Action = Literal["error", "drop", "keep"]


class ProblemRows(Settings):
    """The problem texts of files."""

    content: list[str]
    """The digest of each file, wherever they lie."""
    problem: str
    """Column of the problem texts."""
    where: dict[str, str | bool | int]
    between: dict[str, list[str]]
    limit: int | None


class SolutionRows(ProblemRows):
    """Problems with worked solutions."""

    solution: str
    """Column of the worked solutions."""


class RowsSettings(ProblemRows):
    """Problems with their answers or tests, and the prompt around them."""

    domain: Literal["math", "puzzle", "code"]
    tests: Literal["humaneval", "mbpp", "taco", "livecodebench"] | None
    answer: str
    boxed: bool
    tolerance: str | None
    template: str | None


class RowActions(Settings):
    """What to do with training rows that have an issue of their own: a dropped one is compared with no other."""

    broken: Action
    unverifiable: Action
    contaminated: Action


class DecontaminationSettings(Settings):
    """How training problems are compared with those of benchmarks; which benchmarks is in `held_out`."""

    ngram: int
