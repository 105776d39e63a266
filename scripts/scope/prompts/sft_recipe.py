"""The recipe of the stage `model` where a model is fine-tuned."""

from scope.artifacts.recipe import Settings
from scope.models.recipe import ModelSettings, SftSettings
from scope.prompts.chat_recipe import ChatSettings
from scope.prompts.rows import SolutionRows
from scope.worlds.recipe import WorldSettings


class SolutionSettings(SftSettings):
    """Supervised steps, and the file of worked solutions; null: those of generated problems."""

    rows: SolutionRows | None


class TunedModel(ModelSettings):
    """Where a model comes from, and its supervised steps."""

    sft: SolutionSettings


class SolvedProblems(WorldSettings):
    """The problems of the supervised steps, and the prompt around them: that of training."""

    template: str
    chat: ChatSettings | None


class SftRecipe(Settings):
    """What decides a fine-tuned model."""

    models: dict[str, TunedModel]
    """The one model that the stage makes, by its name."""
    data: SolvedProblems
