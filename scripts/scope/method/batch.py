"""What `weigh` decides: for every rollout of a round a token loss, a weight, an advantage and a normaliser.

The update then computes, over the whole global batch of a step,

    L = sum_i weight_i / normaliser_i * sum_t loss_{i,t}

With P the step's number of prompts, those with an empty path included (Eq. 6), and T_i the tokens of response i:
normaliser_i = P T_i (token_reduction mean), P (sum), or, in released mode, the tokens of the correct path for nll
and of all responses for opd. Normalisers are those of the whole step, so no cut of the batch changes the gradient.
"""

from typing import TypeVar

import polars as pl

from scope.errors import InputError
from scope.method.recipe import ObjectiveSettings
from scope.method.table import Method, method_of
from scope.method.weights import path_weights

KEY = ["prompt_id", "sample_index"]
Value = TypeVar("Value")


def build_batch(
    rollouts: pl.DataFrame,
    verdicts: pl.DataFrame,
    scores: pl.DataFrame | None,
    prompts: pl.DataFrame,
    order: list[str],
    objective: ObjectiveSettings,
    prompts_per_step: int,
) -> pl.DataFrame:
    """The batch of one round, a row per rollout that is trained on; columns as in schemas/batch.py.

    `order` lists the round's prompts in training order.
    Raises InputError at a rollout without verdict, score or finite log-probabilities, and at a ragged group.
    """
    method = method_of(objective)
    rows = join(rollouts, verdicts, scores, prompts, order, prompts_per_step)
    check_rows(rows, method)
    rows = choose_weights(choose_losses(rows, method), method, objective)
    rows = choose_normalisers(rows, method, objective)
    if method.behaviour == "teacher":
        rows = rows.with_columns(logprobs=pl.lit(None, dtype=pl.List(pl.Float32)))
        if objective.drop_incorrect:
            rows = rows.filter("correct")
    return rows.select(
        "step", *KEY, "prompt_token_ids", "response_token_ids", "logprobs", "scorer_logprobs", "correct",
        "truncated", "path", "loss", "weight", "advantage", "normaliser")  # fmt: skip


def join(
    rollouts: pl.DataFrame,
    verdicts: pl.DataFrame,
    scores: pl.DataFrame | None,
    prompts: pl.DataFrame,
    order: list[str],
    prompts_per_step: int,
) -> pl.DataFrame:
    """Rollouts with their verdicts, scores, prompts and optimizer steps; nothing may be missing."""
    steps = pl.DataFrame({"prompt_id": order, "step": [i // prompts_per_step for i in range(len(order))]})
    rows = (
        rollouts.join(verdicts.select(*KEY, "correct"), on=KEY, how="left")
        .join(prompts.select("prompt_id", "prompt_token_ids"), on="prompt_id", how="left")
        .join(steps.with_columns(pl.col("step").cast(pl.Int32)), on="prompt_id", how="left")
        .with_columns(truncated=pl.col("finish_reason") == "length", tokens=pl.col("response_token_ids").list.len())
    )
    for column, stage in (("correct", "verify"), ("prompt_token_ids", "prompts"), ("step", "rollout")):
        absent = rows.filter(pl.col(column).is_null())
        if len(absent):
            raise InputError(f"{_name(absent)} has no {column}; run {stage} again for this round", "missing-value")
    unsampled = set(order) - set(rows["prompt_id"])
    if unsampled:
        raise InputError(f"prompt {min(unsampled)!r} has no rollouts; run rollout again for this round", "no-rollouts")
    if scores is None:
        return rows.with_columns(scorer_logprobs=pl.lit(None, dtype=pl.List(pl.Float32)))
    return rows.join(scores, on=KEY, how="left")


def check_rows(rows: pl.DataFrame, method: Method) -> None:
    """Raise InputError unless groups are whole and every log-probability that is used is there and finite."""
    sizes = rows.group_by("prompt_id").len().sort("prompt_id")
    if sizes["len"].n_unique() > 1:
        odd = sizes.filter(pl.col("len") != sizes["len"].max()).row(0)
        raise InputError(
            f"prompt {odd[0]!r} has {odd[1]} rollouts, others have {sizes['len'].max()}; roll out again",
            "uneven-groups",
        )
    _check_logprobs(rows, "logprobs", "rollout")
    if method.scorer:
        needed = rows if method.scored == "all" else rows.filter(~pl.col("correct"))
        _check_logprobs(needed, "scorer_logprobs", "score")


def choose_losses(rows: pl.DataFrame, method: Method) -> pl.DataFrame:
    """Route by correctness: the path and the token loss of each row."""
    correct = pl.when("correct")
    return rows.with_columns(
        path=correct.then(pl.lit("correct")).otherwise(pl.lit("incorrect")),
        loss=correct.then(pl.lit(method.correct_loss)).otherwise(pl.lit(method.incorrect_loss)),
    )


def choose_weights(rows: pl.DataFrame, method: Method, objective: ObjectiveSettings) -> pl.DataFrame:
    """Eqs. 4 and 5 for perplexity weighting; 1/n, and GRPO's group advantage, otherwise."""
    if method.weighting == "perplexity":
        means = rows.with_columns(
            student_mean_logprob=pl.col("logprobs").list.mean(),
            teacher_mean_logprob=pl.col("scorer_logprobs").list.mean(),
        )
        weighed = path_weights(
            means,
            tau=needed(objective.tau, "tau"),
            student_weight=needed(objective.student_weight, "student_weight"),
            teacher_weight=needed(objective.teacher_weight, "teacher_weight"),
            scale=needed(objective.scale, "scale"),
        )
        return weighed.with_columns(advantage=pl.lit(None, dtype=pl.Float64))
    uniform = rows.with_columns(weight=1.0 / pl.len().over("prompt_id"))
    if method.correct_loss != "pg":
        return uniform.with_columns(advantage=pl.lit(None, dtype=pl.Float64))
    eps = needed(objective.advantage_eps, "advantage_eps")
    return uniform.with_columns(advantage=group_advantage(pl.col("correct").cast(pl.Float64), eps))


def needed(value: Value | None, key: str) -> Value:
    """A setting of the objective that the method computes with. Raises InputError where it is null."""
    if value is None:
        raise InputError(f"--recipe: objective.{key} is null, but the method computes with it", "missing-setting")
    return value


def group_advantage(reward: pl.Expr, eps: float) -> pl.Expr:
    """GRPO: A_i = (R_i - mean) / (std + eps) over the prompt's group; std with n - 1, 0 in a group of one."""
    mean, std = reward.mean().over("prompt_id"), reward.std().over("prompt_id").fill_null(0.0)
    return (reward - mean) / (std + eps)


def choose_normalisers(rows: pl.DataFrame, method: Method, objective: ObjectiveSettings) -> pl.DataFrame:
    """What each row's summed token loss is divided by, counted over the whole step."""
    if method.normaliser == "tokens":
        own = pl.when("correct").then(pl.col("tokens")).otherwise(0).sum().over("step")
        return rows.with_columns(
            normaliser=pl.when("correct").then(own).otherwise(pl.col("tokens").sum().over("step")).cast(pl.Float64)
        )
    prompts = pl.col("prompt_id").n_unique().over("step").cast(pl.Float64)
    length = pl.col("tokens") if objective.token_reduction == "mean" else pl.lit(1)
    return rows.with_columns(normaliser=prompts * length)


def _check_logprobs(rows: pl.DataFrame, column: str, stage: str) -> None:
    values = pl.col(column)
    whole = values.list.len() == pl.col("tokens")
    finite = values.list.eval(pl.element().is_finite().fill_null(False)).list.all()
    bad = rows.filter(~(whole & finite).fill_null(False) | (pl.col("tokens") == 0))
    if len(bad):
        shown = bad[column][0]
        raise InputError(
            f"{_name(bad)}: {bad['tokens'][0]} response tokens, but its {column} are "
            f"{'missing' if shown is None else shown.to_list()[:8]}; every token needs a finite one: run {stage} again",
            "invalid-logprobs",
        )


def _name(rows: pl.DataFrame) -> str:
    first = rows.sort(KEY).row(0, named=True)
    return f"rollout {first['sample_index']} of prompt {first['prompt_id']!r}"
