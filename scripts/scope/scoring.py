"""Scores of the wanted rollouts, in their place among all of them."""

from pathlib import Path

import polars as pl

from scope.errors import InputError
from scope.pairs import Pair
from scope.teachers import check_scores, open_teacher


def score_rollouts(
    rows: pl.DataFrame, wanted: pl.Expr, backend, manifest: str | Path, *, dtype: str, temperature: float
) -> pl.DataFrame:
    """Score rows (artifacts.SCHEMAS) for joined rollouts; null for those that are not `wanted`.

    The scorer, whose folder `manifest` lists, is not even loaded when nothing is wanted. Raises InputError at a
    rollout without verdict or prompt, and at a log-probability that is missing or not finite.
    """
    for column in ("correct", "prompt_token_ids"):
        absent = rows.filter(pl.col(column).is_null())
        if len(absent):
            raise InputError(f"rollout of prompt {absent['prompt_id'][0]!r} has no {column}: run its stage again")
    key = ["prompt_id", "sample_index"]
    chosen = rows.filter(wanted)
    pairs = [Pair(*ids) for ids in chosen.select("prompt_token_ids", "response_token_ids").iter_rows()]
    scores: list[list[float]] = []
    if pairs:
        scores = open_teacher(backend, manifest, dtype=dtype, temperature=temperature).score(pairs)
        names = [f"rollout {index} of prompt {prompt!r}" for prompt, index in chosen.select(key).iter_rows()]
        check_scores(scores, pairs, names)
    scored = chosen.select(key).with_columns(teacher_logprobs=pl.Series(scores, dtype=pl.List(pl.Float32)))
    return rows.select(key).join(scored, on=key, how="left")
