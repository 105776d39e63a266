"""Figures of a step that follow from the batch alone: routing, perplexities, weights, lengths."""

from typing import cast

import polars as pl

from scope.method.weights import effective_sample_size


def batch_metrics(rows: pl.DataFrame) -> dict[str, float | None]:
    """Metrics (schemas/metrics.py) of one step's rows; null where a path is empty or was not scored."""
    correct, incorrect = rows.filter("correct"), rows.filter(~pl.col("correct"))
    return {
        "trained": mean(rows.select(counts_in_loss())["counts"]),
        "share_correct": mean(rows["correct"]),
        "ppl_student_correct": mean_perplexity(correct, "logprobs"),
        "ppl_student_incorrect": mean_perplexity(incorrect, "logprobs"),
        "ppl_teacher_incorrect": mean_perplexity(incorrect.filter(pl.col("loss") == "opd"), "scorer_logprobs"),
        "ess_correct": mean_group_ess(correct),
        "ess_incorrect": mean_group_ess(incorrect),
        "response_tokens": mean(rows["response_token_ids"].list.len()),
        "truncated": mean(rows["truncated"]),
    }


def counts_in_loss() -> pl.Expr:
    """Whether a row can change the policy, as `counts`: its weight and, for pg, its advantage are not 0."""
    signal = (pl.col("loss") != "pg") | (pl.col("advantage") != 0)
    return ((pl.col("weight") != 0) & signal).fill_null(False).alias("counts")


def mean(values: pl.Series) -> float | None:
    """The mean of numbers or of booleans; None for no values."""
    return cast("float | None", values.mean())


def mean_perplexity(rows: pl.DataFrame, column: str) -> float | None:
    """Mean over rows of exp(-(mean log-probability))."""
    return rows.select((-pl.col(column).list.mean()).exp().mean()).item()


def mean_group_ess(rows: pl.DataFrame) -> float | None:
    """Mean over prompts of the effective sample size of the path's weights, in rollouts."""
    return mean(rows.group_by("prompt_id").agg(ess=effective_sample_size(pl.col("weight")))["ess"].sort())
