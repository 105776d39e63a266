"""Section on data: training problems, benchmarks, and the prompt around them."""

from datetime import date
from math import comb
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from scope.config.types import Bare, Count, Section


def _has_problem(template: str) -> str:
    if "{problem}" not in template:
        raise ValueError("a template must contain {problem}")
    return template


def _is_day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError('write the date as year, month and day: "2024-07-26"') from None


Day = Annotated[
    str, BeforeValidator(lambda value: str(value) if isinstance(value, date) else value), AfterValidator(_is_day)
]
Template = Annotated[str, AfterValidator(_has_problem)]
Action = Literal["error", "drop", "keep"]


class Puzzle(Section):
    """Coins, the embedded world's procedurally generated puzzle (scope/worlds/coins.py)."""

    digits: int = Field(default=5, ge=2, le=9)
    """Digits given in each problem."""
    spend: list[Count] = Field(default=[3], min_length=1)
    """Numbers of digits that a target uses; one is sampled for each problem."""
    prompts: Count = 2048
    """Training problems."""
    problems: Count = 256
    """Held-out problems, the benchmark `coins`."""
    seed: int = 0
    """Seed of the generator."""

    @model_validator(mode="after")
    def _enough_digits(self) -> "Puzzle":
        if max(self.spend) > self.digits:
            raise ValueError("`spend` asks for more digits than `digits` gives")
        most = 9**self.digits * sum(comb(self.digits, number) for number in set(self.spend))
        if self.prompts + self.problems > most:
            raise ValueError(
                f"`prompts` and `problems` ask for {self.prompts + self.problems} problems, but there are at most "
                f"{most} of {self.digits} digits that spend {self.spend}; lower them, or raise `digits`"
            )
        return self


class Functions(Section):
    """Functions, the embedded world's procedurally generated code problems (scope/worlds/functions.py)."""

    operations: list[Annotated[int, Field(ge=1, le=6)]] = Field(default=[1, 2, 3], min_length=1)
    """Numbers of operations in a function; one is sampled for each problem."""
    prompts: Count = 512
    """Training problems."""
    problems: Count = 64
    """Held-out problems, the benchmark `functions`."""
    seed: int = 0
    """Seed of the generator."""


class WordProblems(Section):
    """Word problems, the embedded world's procedurally generated mathematics (scope/worlds/word_problems.py)."""

    steps: list[Annotated[int, Field(ge=1, le=6)]] = Field(default=[1, 2], min_length=1)
    """Numbers of calculations in a solution; one is sampled for each problem."""
    prompts: Count = 512
    """Training problems."""
    problems: Count = 64
    """Held-out problems, the benchmark `word_problems`."""
    seed: int = 0
    """Seed of the generator."""


class World(NamedTuple):
    """What is generated: the key of its section under `data`, the section, its benchmark, and the problems' domain."""

    key: str
    section: Puzzle | Functions | WordProblems
    benchmark: str
    domain: str


class Hub(Section):
    """A pinned dataset of the Hugging Face hub, read from its local cache; `make fetch` downloads it."""

    dataset: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    """owner/name."""
    revision: str = Field(pattern=r"^[0-9a-f]{40}$")
    """The commit, all 40 digits: a branch or tag could change under the experiment."""
    files: str = Field(pattern=r"\.(parquet|jsonl)$")
    """Its files of problems, such as "data/train-*.parquet"; several are read as one, in the order of their names."""


class ProblemFile(Section):
    """Problems: a local file (`path`), or files of a dataset on the hub (`hub`)."""

    path: str | None = None
    """Parquet or JSON-lines file, relative to the working directory; `${NAME}` takes an environment variable."""
    hub: Hub | None = None
    problem: str = "problem"
    """Column of the problem text."""
    where: dict[str, str | bool | int] = {}
    """Use only rows whose columns have these values, such as {source: codeforces}."""
    between: dict[str, Annotated[list[str], Field(min_length=2, max_length=2)]] = {}
    """Use only rows whose columns are between two texts, both included, such as {contest_date: ["2024-08-01",
    "2025-02-01"]}."""
    limit: Count | None = None
    """Use at most this many of these rows, from the first on."""

    @model_validator(mode="after")
    def _one_place(self) -> "ProblemFile":
        if (self.path is None) == (self.hub is None):
            raise ValueError("give exactly one of `path` (a local file) and `hub` (a dataset of the hub)")
        return self


class Solutions(ProblemFile):
    """Problems with worked solutions."""

    solution: str = "solution"
    """Column of the worked solution: the response that is learned."""


class Rows(ProblemFile):
    """Problems with their answers or tests."""

    licence: str | None = None
    """The data's licence, for the report's data card; it changes no result."""
    domain: Literal["math", "puzzle", "code"] = "math"
    """Which verdicts apply (docs/verdicts.md)."""
    tests: Literal["humaneval", "mbpp", "taco", "livecodebench"] | None = None
    """For code: the format of the tests; columns have the names of that dataset."""
    answer: str = "answer"
    """Column of the answer, or of a list of answers; not used for code."""
    boxed: bool = False
    """The answer is the content of the last `\\boxed{}` in its column, as in Minerva's solutions."""
    tolerance: str | None = None
    """Column of the absolute error that a number may have; an empty cell means exact."""
    template: Template | None = None
    """Prompt text around `{problem}` for this file; null: `data.template`."""

    @model_validator(mode="after")
    def _code_has_tests(self) -> "Rows":
        if (self.domain == "code") != (self.tests is not None):
            raise ValueError("`domain: code` and `tests` belong together")
        return self

    @model_validator(mode="after")
    def _numbers_have_tolerance(self) -> "Rows":
        if self.tolerance is not None and self.domain != "math":
            raise ValueError("`tolerance` belongs to `domain: math`")
        return self


class Chat(Section):
    """Prompts in the chat format of the student's tokenizer: the filled template is the user's message."""

    system: str | None = None
    """The system message; it must appear in the output of the chat template."""
    thinking: bool | None = None
    """`enable_thinking` of the chat template, which must support it; null: the template's default."""
    date: Day | None = None
    """The date, such as "2024-07-26", that a chat template writes which would write today's; null: it writes none."""


class OnIssue(Section):
    """What to do with training rows that have an issue: stop with an error, drop them, or keep them and list them."""

    overlong: Literal["error", "drop"] = "error"
    """A prompt of more than `max_prompt_tokens`; a benchmark never loses a problem."""
    conflicting: Literal["error", "drop"] = "error"
    """The same problem with answers that differ in meaning; `drop` drops all its rows."""
    broken: Action = "error"
    """A control character where LaTeX had a backslash (a form feed before rac), or an answer with an unbalanced brace
    or $."""
    unverifiable: Action = "error"
    """A mathematical answer that is not verified as equal to itself, or code without tests, which is an error in
    a benchmark."""
    contaminated: Action = "error"
    """A problem that is also in a benchmark (`data.decontamination`)."""


class Decontamination(Section):
    """How training problems are compared with those of the benchmarks."""

    ngram: Count = 13
    """A training problem that has this many words in a row in common with a benchmark's problem, or an equal text, is
    contaminated."""
    benchmarks: list[Bare] | None = None
    """Benchmarks to compare with; null: all available ones. Changing the list rebuilds the prompts."""


class Data(Section):
    """What is trained and evaluated on: generated (`puzzle`, `functions`, `word_problems`), or files (`train` and
    `benchmarks`)."""

    puzzle: Puzzle | None = None
    functions: Functions | None = None
    word_problems: WordProblems | None = None
    train: Rows | None = None
    benchmarks: dict[Bare, Rows] = {}
    """Held-out problems by name."""
    template: Template = "{problem}"
    """Prompt text around `{problem}`."""
    chat: Chat | None = None
    """Null: the filled template is the whole prompt, chat markers included."""
    max_prompt_tokens: Count = 4096
    """A longer prompt is never truncated: see `on_issue.overlong`."""
    on_issue: OnIssue = OnIssue()
    decontamination: Decontamination = Decontamination()

    @model_validator(mode="after")
    def _one_source(self) -> "Data":
        if [self.puzzle, self.functions, self.word_problems, self.train].count(None) != 3:
            raise ValueError("give exactly one of `puzzle`, `functions`, `word_problems` and `train`")
        if self.train is not None and not self.benchmarks:
            raise ValueError("`train` needs at least one entry under `benchmarks`")
        strangers = set(self.decontamination.benchmarks or ()) - set(self.benchmarks)
        if strangers:
            raise ValueError(
                f"`decontamination.benchmarks` lists {', '.join(sorted(strangers))}, which `benchmarks` lacks"
            )
        return self

    @property
    def world(self) -> World | None:
        """What is generated; None where problems are read from files."""
        worlds = (
            ("puzzle", self.puzzle, "coins", "puzzle"),
            ("functions", self.functions, "functions", "code"),
            ("word_problems", self.word_problems, "word_problems", "math"),
        )
        return next((World(key, section, *named) for key, section, *named in worlds if section), None)
