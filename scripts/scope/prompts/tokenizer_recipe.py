"""The recipe of the stage `tokenizer`."""

from typing import Literal

from scope.artifacts.recipe import Settings
from scope.prompts.rows import RowsSettings
from scope.worlds.recipe import WorldSettings


class TokenizerSettings(Settings):
    """The kind of tokenizer."""

    kind: Literal["characters", "bpe"]
    vocab_size: int


class TokenizerModels(Settings):
    """What the recipe holds of the section `models`."""

    tokenizer: TokenizerSettings


class TokenizerData(WorldSettings):
    """What a `bpe` tokenizer is trained on: the problems of a file, or generated ones."""

    train: RowsSettings | None


class TokenizerRecipe(Settings):
    """What decides the tokenizer of made models."""

    models: TokenizerModels
    data: TokenizerData
