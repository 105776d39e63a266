"""Settings of models that are made: their shape, and supervised steps; and the recipe of those without such steps."""

from scope.artifacts.recipe import Settings


class SftSettings(Settings):
    """Supervised steps on worked solutions."""

    steps: int
    batch: int
    learning_rate: float
    canonical: float
    seed: int


class ModelShape(Settings):
    """A randomly initialised model of the Qwen3 architecture."""

    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    seed: int


class ModelSettings(Settings):
    """Where a model comes from: a folder in Hugging Face format, or a shape to make."""

    content: str | None
    """The digest of the folder's files, wherever they lie; null for a model to make."""
    random_init: ModelShape | None


class ModelRecipe(Settings):
    """What decides a model that is not fine-tuned."""

    models: dict[str, ModelSettings]
    """The one model that the stage makes, by its name."""
