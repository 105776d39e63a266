"""The recipe of the stage `model`, which makes a model or uses a folder that exists."""

from scope.artifacts.recipe import Settings
from scope.worlds.recipe import WorldSettings


class SftSettings(Settings):
    """Supervised steps that give a made model its first skill."""

    steps: int
    canonical: float
    batch: int
    learning_rate: float


class ModelShape(Settings):
    """A randomly initialised model of the Qwen3 architecture."""

    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    seed: int
    sft: SftSettings | None


class ModelSettings(Settings):
    """Where a model comes from: a folder in Hugging Face format, or a shape to make."""

    path: str | None
    random_init: ModelShape | None


class ModelRecipe(Settings):
    """What decides a model."""

    models: dict[str, ModelSettings]
    """The one model that the stage makes, by its name."""
    data: WorldSettings
