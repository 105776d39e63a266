"""Sections on what goes in: problems and models."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from scope.sections.base import Bare, Count, Positive, Section


class Puzzle(Section):
    """Coins, the embedded world's procedurally generated puzzle (scope/puzzle.py)."""

    digits: int = Field(5, ge=2, le=9)
    """Digits given in each problem."""
    spend: list[Count] = Field([3], min_length=1)
    """How many digits a target is made of; one of these is drawn for each problem."""
    prompts: Count = 2048
    """Training problems."""
    problems: Count = 256
    """Held-out problems, the benchmark `coins`."""
    seed: int = 0
    """Seed of the generator."""


class Rows(Section):
    """A local Parquet or JSON-lines file of problems."""

    path: str
    """Parquet or JSON-lines file, relative to the working directory; `${NAME}` takes an environment variable."""
    domain: Literal["math", "puzzle", "code"] = "math"
    """Which verdicts apply (docs/verdicts.md)."""
    tests: Literal["humaneval", "mbpp", "taco", "livecodebench"] | None = None
    """For code: how the file publishes its tests, in columns of the names that these have them under."""
    problem: str = "problem"
    """Column that holds the problem text."""
    answer: str = "answer"
    """Column that holds the answer, or a list of them; none for code."""
    boxed: bool = False
    """The answer is what the last box of its column holds, as in Minerva's solutions."""
    tolerance: str | None = None
    """Column that holds the absolute error that a number may have; empty where it must be exact."""
    where: dict[str, str | bool | int] = {}
    """Take only rows whose columns have these values, such as {source: codeforces}."""
    between: dict[str, Annotated[list[str], Field(min_length=2, max_length=2)]] = {}
    """Take only rows whose columns lie between two texts or are one: {contest_date: ["2024-08-01", "2025-02-01"]}."""
    limit: Count | None = None
    """Take only the first so many of these rows."""

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


class Data(Section):
    """What is trained and evaluated on: either a generated `puzzle`, or `train` and `benchmarks` files."""

    puzzle: Puzzle | None = None
    train: Rows | None = None
    benchmarks: dict[Bare, Rows] = {}
    """Held-out problems by name."""
    template: str = "{problem}"
    """Prompt text around `{problem}`."""
    max_prompt_tokens: Count = 4096
    """A longer prompt is never cut: see `overlong`."""
    overlong: Literal["error", "drop"] = "error"
    """Stop at an over-long training prompt, or drop it and count it; a benchmark never loses a problem."""

    @model_validator(mode="after")
    def _one_source(self) -> "Data":
        if (self.puzzle is None) == (self.train is None):
            raise ValueError("give exactly one of `puzzle` and `train`")
        if self.train is not None and not self.benchmarks:
            raise ValueError("`train` needs at least one entry under `benchmarks`")
        if "{problem}" not in self.template:
            raise ValueError("`template` must contain {problem}")
        return self


class Tokenizer(Section):
    """The tokenizer of models that the workflow makes itself."""

    kind: Literal["characters", "bpe"] = "characters"
    """`characters` for the puzzle; `bpe` is trained on the prompts."""
    vocab_size: int = Field(512, ge=300)
    """Entries of a `bpe` vocabulary (`characters` has 17)."""


class Sft(Section):
    """Supervised steps that give a made model its first skill."""

    steps: Count
    canonical: float = Field(0.0, ge=0, le=1)
    """Share of examples on the one canonical route (1 a narrow teacher, 0.7 a broad one); others take a random one."""
    batch: Count = 128
    """Examples per step."""
    learning_rate: Positive = 2e-3


class Make(Section):
    """A Qwen3-architecture model made from nothing."""

    hidden_size: Count
    intermediate_size: Count
    layers: Count = 3
    heads: Count = 4
    kv_heads: Count = 2
    head_dim: Count = 32
    seed: int = 0
    sft: Sft | None = None
    """None leaves the random initialisation."""


class Model(Section):
    """A Hugging Face folder on disk (`path`), or a model to make (`make`)."""

    path: str | None = None
    """Folder with config.json, *.safetensors and a tokenizer; `${NAME}` takes an environment variable."""
    make: Make | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> "Model":
        if (self.path is None) == (self.make is None):
            raise ValueError("give exactly one of `path` (a model folder) and `make` (a model to make)")
        return self


class Models(Section):
    """Student and teacher."""

    student: Model
    teacher: Model
    tokenizer: Tokenizer = Tokenizer()
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    """Arithmetic of rollout, scoring and update."""
