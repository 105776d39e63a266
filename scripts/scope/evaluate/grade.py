"""Grading one policy on one benchmark: n seeded samples of each problem under each way of sampling."""

from typing import Any

import polars as pl

from scope.artifacts.partial import Unfinished
from scope.evaluate.recipe import EvaluationSettings
from scope.evaluate.sampling import SamplingSettings
from scope.rollout.engine import Engine, Request, Sampling
from scope.rollout.samples import sample_rows
from scope.seeds import derive_seed
from scope.verify.pool import Row, verify_rows


def grade(
    engine: Engine, problems: pl.DataFrame, benchmark: str, evaluation: EvaluationSettings, work: Unfinished
) -> list[dict[str, Any]]:
    """Evaluation rows (schemas/evaluation.py) for `problems`."""
    return [
        row
        for name, sampling in sorted(evaluation.samplings.items())
        for row in _grade_under(engine, problems, benchmark, name, sampling, evaluation, work)
    ]


def _grade_under(
    engine: Engine,
    problems: pl.DataFrame,
    benchmark: str,
    name: str,
    settings: SamplingSettings,
    evaluation: EvaluationSettings,
    work: Unfinished,
) -> list[dict[str, Any]]:
    sampling = Sampling(max_tokens=evaluation.max_tokens, **settings.model_dump())
    keys = [(row, index) for row in problems.iter_rows(named=True) for index in range(evaluation.n)]
    seeds = [derive_seed(evaluation.seed, benchmark, name, row["prompt_id"], index) for row, index in keys]
    requests = [Request(row["prompt_token_ids"], seed) for (row, _), seed in zip(keys, seeds, strict=True)]
    places = [(row["prompt_id"], index) for row, index in keys]
    samples = sample_rows(engine, places, requests, sampling, work, f"samples-{name}")
    items = [
        Row(row["domain"], row["problem"], sample["response_text"], row["answer"], row["tests"], row["tolerance"])
        for (row, _), sample in zip(keys, samples, strict=True)
    ]
    return [
        {
            "sampling": name,
            "benchmark": benchmark,
            "problem_id": row["prompt_id"],
            "sample_index": index,
            "correct": verdict.correct,
            "reason": verdict.reason.value,
            "tokens": len(sample["response_token_ids"]),
            "finish_reason": sample["finish_reason"],
            "extracted": verdict.excerpt,
            "response_text": sample["response_text"],
        }
        for (row, index), sample, verdict in zip(keys, samples, verify_rows(items), strict=True)
    ]
