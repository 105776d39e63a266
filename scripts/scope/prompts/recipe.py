"""The recipes of the stages `prompts` (of training) and `problems` (of a benchmark), which share a script."""

from typing import Literal

from scope.artifacts.recipe import Settings
from scope.prompts.chat_recipe import ChatSettings
from scope.prompts.rows import RowActions, RowsSettings
from scope.worlds.recipe import WorldSettings


class PromptSettings(WorldSettings):
    """The prompt around every problem."""

    template: str
    chat: ChatSettings | None
    max_prompt_tokens: int


class OnIssueSettings(RowActions):
    """What to do with training problems that have an issue."""

    overlong: Literal["error", "drop"]
    conflicting: Literal["error", "drop"]


class TrainingSettings(PromptSettings):
    """Training problems, and what to do with those that have an issue."""

    train: RowsSettings | None
    on_issue: OnIssueSettings


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
