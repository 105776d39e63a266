"""The recipe of the stage `export`."""

from typing import Literal

from scope.artifacts.recipe import Settings
from scope.evaluate.sampling import SamplingSettings


class ExportSettings(Settings):
    """How the exported samples were generated."""

    engine: Literal["vllm", "transformers"]
    n: int
    max_tokens: int
    sampling: dict[str, SamplingSettings]


class ExportRecipe(Settings):
    """What decides an export of evaluations."""

    evaluation: ExportSettings
