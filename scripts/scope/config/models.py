"""Section on models: student and teacher, from a folder or randomly initialised."""

from typing import Literal

from pydantic import Field, model_validator

from scope.config.data import Solutions
from scope.config.types import Count, Positive, Real, Section


class Tokenizer(Section):
    """The tokenizer of randomly initialised models."""

    kind: Literal["characters", "bpe"] = "characters"
    """`characters` for the puzzle; `bpe` is trained on the prompts, or on more Functions and their bodies."""
    vocab_size: int = Field(default=512, ge=300)
    """Entries of a `bpe` vocabulary (`characters` has 17)."""


class Sft(Section):
    """Supervised fine-tuning on worked solutions: of generated problems that are neither trained on nor held out, or
    of a file (`rows`)."""

    rows: Solutions | None = None
    """A file of problems with worked solutions; null: those of the generated problems."""
    steps: Count
    """Optimizer steps (AdamW, a rate that rises over the first tenth and then falls)."""
    batch: Count
    """Examples per step."""
    learning_rate: Positive
    """The highest rate: about 2e-3 for a tiny model from random weights, 2e-5 for a pretrained one, more in a few steps
    on a bfloat16 folder, which rounds small changes away (the log has the loss before and after)."""
    canonical: Real = Field(default=0.0, ge=0, le=1)
    """Share of generated examples with the canonical solution (1: a narrow teacher, 0.7: a broad one); the others have
    a random correct one."""
    seed: int = 0
    """Seed of the choice and order of examples."""


class RandomInit(Section):
    """A randomly initialised model of the Qwen3 architecture."""

    hidden_size: Count
    intermediate_size: Count
    layers: Count = 3
    heads: Count = 4
    kv_heads: Count = 2
    head_dim: Count = 32
    seed: int = 0


class Model(Section):
    """A Hugging Face folder on disk (`path`), or a randomly initialised one (`random_init`); either may be fine-tuned
    on worked solutions (`sft`)."""

    path: str | None = None
    """Folder with config.json, *.safetensors and a tokenizer; `${NAME}` takes an environment variable."""
    random_init: RandomInit | None = None
    sft: Sft | None = None
    """Null: no fine-tuning. A folder is never changed: the fine-tuned model is a new one under results/."""

    @model_validator(mode="after")
    def _one_origin(self) -> "Model":
        if (self.path is None) == (self.random_init is None):
            raise ValueError("give exactly one of `path` (a model folder) and `random_init` (a new tiny model)")
        return self


class Models(Section):
    """Student and teacher."""

    student: Model
    teacher: Model
    tokenizer: Tokenizer = Tokenizer()
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    """Number format of rollout, scoring and update."""

    @property
    def makes_any(self) -> bool:
        """Whether one of them is randomly initialised."""
        return bool(self.student.random_init or self.teacher.random_init)
