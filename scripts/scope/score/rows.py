"""Scores of the wanted rollouts, in their place among all of them."""

from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Any

import polars as pl

from scope.artifacts.partial import Unfinished
from scope.artifacts.partial_rows import keep_rows
from scope.artifacts.schemas.scores import SCORES
from scope.errors import InputError
from scope.models.pair import Pair
from scope.score.backend import Teacher, check_scores, shown
from scope.score.open import open_teacher
from scope.score.settings import InProcess, Servers


def score_rollouts(
    rows: pl.DataFrame,
    wanted: pl.Expr,
    scoring: InProcess | Servers,
    manifest: str | Path,
    work: Unfinished,
    *,
    dtype: str,
    temperature: float,
) -> pl.DataFrame:
    """Score rows (schemas/scores.py) for joined rollouts; null for those that are not `wanted`.

    The scorer, whose folder `manifest` lists, is not even loaded when nothing is wanted. Raises InputError at a
    rollout without verdict or prompt, and at a log-probability that is missing or not finite.
    """
    for column in ("correct", "prompt_token_ids"):
        absent = rows.filter(pl.col(column).is_null())
        if len(absent):
            raise InputError(
                f"rollout of prompt {absent['prompt_id'][0]!r} has no {column}: run its stage again", "missing-value"
            )
    key = ["prompt_id", "sample_index"]
    chosen = rows.filter(wanted)
    pairs = [Pair(*ids) for ids in chosen.select("prompt_token_ids", "response_token_ids").iter_rows()]
    scores: list[dict[str, Any]] = []
    if pairs:
        teacher = open_teacher(scoring, manifest, dtype=dtype, temperature=temperature)
        scores = score_kept(teacher, pairs, chosen.select(key).rows(), work)
    values = pl.Series([row["scorer_logprobs"] for row in scores], dtype=pl.List(pl.Float32))
    return rows.select(key).join(chosen.select(key).with_columns(scorer_logprobs=values), on=key, how="left")


def score_kept(
    teacher: Teacher, pairs: Sequence[Pair], keys: Sequence[tuple[str, int]], work: Unfinished
) -> list[dict[str, Any]]:
    """Score rows of pairs, in order; those that an attempt before kept are not scored again."""

    def finish(done: Set[int]) -> Iterator[tuple[int, dict[str, Any]]]:
        for index, values in shown(teacher, pairs, done, "rollout"):
            prompt, sample = keys[index]
            check_scores([values], [pairs[index]], [f"rollout {sample} of prompt {prompt!r}"])
            yield index, {"prompt_id": prompt, "sample_index": sample, "scorer_logprobs": values}

    return keep_rows(work, "scores", SCORES, keys, finish)
