"""Settings of the embedded worlds' generators, as the recipes of several stages hold them."""

from scope.artifacts.recipe import Settings


class PuzzleSettings(Settings):
    """Coins: `data.puzzle` of the configuration."""

    digits: int
    spend: list[int]
    prompts: int
    problems: int
    seed: int


class FunctionsSettings(Settings):
    """Functions: `data.functions` of the configuration."""

    operations: list[int]
    prompts: int
    problems: int
    seed: int


class WordProblemsSettings(Settings):
    """Word problems: `data.word_problems` of the configuration."""

    steps: list[int]
    prompts: int
    problems: int
    seed: int


class WorldSettings(Settings):
    """The generator of the problems, one of three; all are null where they are read from files."""

    puzzle: PuzzleSettings | None
    functions: FunctionsSettings | None
    word_problems: WordProblemsSettings | None
