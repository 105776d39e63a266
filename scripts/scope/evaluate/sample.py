"""Sampling one policy on one benchmark: n seeded samples of each problem. Verdicts follow in a stage of their own."""

from typing import Any

import polars as pl

from scope.artifacts.partial import Unfinished
from scope.evaluate.recipe import EvaluationSettings
from scope.evaluate.sampling import SamplingSettings
from scope.rollout.engine import Engine, Request, Sampling
from scope.rollout.samples import sample_rows
from scope.seeds import derive_seed


def sample_problems(
    engine: Engine,
    problems: pl.DataFrame,
    benchmark: str,
    name: str,
    settings: SamplingSettings,
    evaluation: EvaluationSettings,
    work: Unfinished,
) -> list[dict[str, Any]]:
    """Rows of samples (schemas/samples.py) of problems (schemas/prompts.py), under the sampling of a name.

    A sample's seed is a hash of evaluation.seed, benchmark, sampling, prompt_id and sample_index, so that shards and
    order do not matter.
    """
    sampling = Sampling(max_tokens=evaluation.max_tokens, **settings.model_dump())
    asked = [
        (prompt, ids, index)
        for prompt, ids in problems.select("prompt_id", "prompt_token_ids").rows()
        for index in range(evaluation.n)
    ]
    requests = [
        Request(ids, derive_seed(evaluation.seed, benchmark, name, prompt, index)) for prompt, ids, index in asked
    ]
    keys = [(prompt, index) for prompt, _, index in asked]
    samples = sample_rows(engine, keys, requests, sampling, work, f"samples-{name}")
    kept = ("prompt_id", "sample_index", "response_text", "finish_reason")
    return [{key: row[key] for key in kept} | {"tokens": len(row["response_token_ids"])} for row in samples]
