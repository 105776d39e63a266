"""The recipes of the stages `prompts` (of training) and `problems` (of a benchmark), which share a script."""

from typing import Literal

from scope.artifacts.recipe import Settings
from scope.prompts.rows import RowsSettings
from scope.worlds.recipe import WorldSettings

Action = Literal["error", "drop", "keep"]


class ChatSettings(Settings):
    """The chat format of a prompt."""

    system: str | None
    thinking: bool | None


class PromptSettings(WorldSettings):
    """The prompt around every problem."""

    template: str
    chat: ChatSettings | None
    max_prompt_tokens: int


class TrainingSettings(PromptSettings):
    """Training problems, and what is done about their issues."""

    train: RowsSettings | None
    overlong: Literal["error", "drop"]
    conflicting: Literal["error", "drop"]
    broken: Action
    unverifiable: Action
    contaminated: Action


class BenchmarkSettings(PromptSettings):
    """Problems of a benchmark."""

    benchmarks: dict[str, RowsSettings]
    """The one benchmark by its name; empty for a generated one."""


class PromptsRecipe(Settings):
    """What decides the prompts of training."""

    data: TrainingSettings


class ProblemsRecipe(Settings):
    """What decides the prompts of a benchmark."""

    data: BenchmarkSettings
