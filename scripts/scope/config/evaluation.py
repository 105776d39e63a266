"""Section on evaluation: how policies are sampled on the benchmarks."""

from typing import Literal

from pydantic import Field

from scope.config.types import Count, Name, Positive, Real, Section


class Sampling(Section):
    """How evaluation samples are generated."""

    temperature: Positive = 0.6
    top_p: Real = Field(default=1.0, gt=0, le=1)
    top_k: int = Field(default=0, ge=0)
    """0: off."""
    repetition_penalty: Positive = 1.0


class Evaluation(Section):
    """Evaluation of the base policy, the teacher and each arm's policies on the held-out benchmarks."""

    engine: Literal["vllm", "transformers"] = "vllm"
    n: Count = 32
    """Samples per problem."""
    max_tokens: Count = 32768
    sampling: dict[Name, Sampling] = Field(
        default={"paper": Sampling(temperature=0.6, top_p=0.95, top_k=20)}, min_length=1
    )
    """Named sampling settings; every policy is evaluated with each, in a job of its own. Default: `paper`, T 0.6,
    top-p 0.95, top-k 20."""
    shards: Count = 1
    """Jobs into which the problems of a benchmark are split."""
    every: int = Field(default=0, ge=0)
    """Also evaluate every n-th round; 0: only the last round."""
    seed: int = 0
