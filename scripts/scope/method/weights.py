"""Rollout weights: Eqs. 4, 5 and 19 of arXiv 2604.10688.

    PPL(y|x) = exp(-(1/T) sum_t log pi(y_t | x, y_<t))
    (4)  w_stu(i) = PPL_S(i)^(1/tau)  / sum_{j in Omega_c} PPL_S(j)^(1/tau)
    (5)  w_tea(i) = PPL_T(i)^(-1/tau) / sum_{j in Omega_w} PPL_T(j)^(-1/tau)
    (19) the weights of each path of each prompt sum to 1

In log space (4) is a softmax over a prompt's correct rollouts of log PPL_S / tau, and (5) one over its incorrect
rollouts of -log PPL_T / tau, with log PPL = -(mean log-probability): no power is ever taken.
"""

import polars as pl

from scope.errors import InputError

# Sign of log PPL in the softmax; 0 gives every rollout of the path the same weight.
SIGN = {"high_ppl": 1.0, "low_ppl": -1.0, "uniform": 0.0}


def path_weights(
    rollouts: pl.DataFrame, *, tau: float, student_weight: str, teacher_weight: str, scale: str
) -> pl.DataFrame:
    """Route each rollout by its verdict and weigh it within its path of its prompt (Eqs. 4, 5, 19).

    In: prompt_id, correct, student_mean_logprob, teacher_mean_logprob (nats per token; the path's own is needed
    unless its weight is uniform). Out: the same and `path` ("correct" or "incorrect") and `weight`.
    `student_weight` and `teacher_weight` name which perplexity gets a high weight on the correct and on the
    incorrect path; `scale` "sum" makes a path's weights sum to 1, "mean" gives them mean 1.
    Raises InputError at a tau that is not positive, an unknown name, and at a log-probability that is missing,
    not finite or positive where a weight is made from it.
    """
    _check_arguments(tau, student_weight, teacher_weight, scale)
    rollouts = rollouts.with_columns(pl.col("student_mean_logprob", "teacher_mean_logprob").cast(pl.Float64))
    if rollouts["correct"].null_count():
        raise InputError(
            "a rollout has no verdict (`correct` is empty); verify it before it is weighed", "missing-value"
        )
    _check_logprobs(rollouts, "student_mean_logprob", pl.col("correct"), student_weight)
    _check_logprobs(rollouts, "teacher_mean_logprob", ~pl.col("correct"), teacher_weight)
    log_ppl_S, log_ppl_T = -pl.col("student_mean_logprob"), -pl.col("teacher_mean_logprob")
    score = pl.when("correct").then(_score(log_ppl_S, student_weight)).otherwise(_score(log_ppl_T, teacher_weight))
    group = ["prompt_id", "correct"]
    unnormalised = ((score - score.max().over(group)) / tau).exp()
    weight = unnormalised / unnormalised.sum().over(group)
    path = pl.when("correct").then(pl.lit("correct")).otherwise(pl.lit("incorrect"))
    return rollouts.with_columns(path=path, weight=weight * pl.len().over(group) if scale == "mean" else weight)


def _score(log_ppl: pl.Expr, prefer: str) -> pl.Expr:
    """tau times what the softmax of a path is taken over."""
    return pl.lit(0.0) if prefer == "uniform" else SIGN[prefer] * log_ppl


def effective_sample_size(weight: pl.Expr) -> pl.Expr:
    """Kish's (sum w)^2 / sum w^2: between 1 and the number of rollouts."""
    return weight.sum() ** 2 / (weight**2).sum()


def _check_arguments(tau: float, student_weight: str, teacher_weight: str, scale: str) -> None:
    if not tau > 0:
        raise InputError(f"tau is {tau}; it must be positive (large for nearly uniform weights)", "out-of-range")
    for name, value, allowed in (
        ("student_weight", student_weight, SIGN),
        ("teacher_weight", teacher_weight, SIGN),
        ("scale", scale, ("sum", "mean")),
    ):
        if value not in allowed:
            raise InputError(f"{name} is {value!r}; write one of {', '.join(allowed)}", "invalid-value")


def _check_logprobs(rollouts: pl.DataFrame, column: str, on_path: pl.Expr, prefer: str) -> None:
    if prefer == "uniform":
        return
    value = pl.col(column)
    bad = rollouts.filter(on_path & (value.is_null() | ~value.is_finite() | (value > 1e-6)))
    if len(bad):
        row = bad.row(0, named=True)
        raise InputError(
            f"{column} of prompt {row['prompt_id']!r} is {row[column]}; a weight needs a finite mean "
            "log-probability of at most 0 (score the rollout again, or use a uniform weight)",
            "invalid-logprobs",
        )
