"""Rounds that trained nothing are named in the report's warnings and in its answer."""

from pathlib import Path

import polars as pl
import pytest

from scope.method.batch_metrics import batch_metrics
from scope.report.load import Artifact
from scope.report.untrained_rounds import alarms, by_arm, rounds_in_words, untrained
from scope.report.words import answers


def metrics(*rows):
    names = ("round", "step", "trained", "learning_rate", "truncated")
    types = {"round": pl.Int32, "step": pl.Int32, "trained": pl.Float64, "learning_rate": pl.Float64,
             "truncated": pl.Float64}  # fmt: skip
    frame = pl.DataFrame([dict(zip(names, row, strict=True)) for row in rows], schema=types)
    return frame.with_columns(arm=pl.lit("kd"), seed=pl.lit(0, dtype=pl.Int64))


def files(*rounds):
    return [Artifact(Path(f"{round_}.parquet"), {"arm": "kd", "seed": 0, "round": round_}) for round_ in rounds]


def test_a_run_that_trained_in_every_round_raises_no_alarm():
    frame = metrics((1, 1, 0.5, 1e-4, 0.2), (1, 2, 0.0, 1e-4, 1.0), (2, 3, 1.0, 1e-4, 0.0))
    assert alarms(frame, files(1, 2)) == []


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "nothing was trained in rounds 1 to 2: no rollout counted in the loss."),
        ([(1, 1, 1.0, 1e-4, 0.0)], "nothing was trained in round 2: no rollout counted in the loss."),
        ([(1, 1, 0.0, 1e-4, 0.0), (2, 2, 0.0, 0.0, 0.0)], "in rounds 1 to 2: no rollout counted in the loss."),
        ([(1, 1, 1.0, 1e-4, 0.0), (2, 2, 1.0, 0.0, 0.0)], "in round 2: the learning rate was 0."),
        ([(1, 1, 1.0, 1e-4, 1.0), (2, 2, 1.0, 1e-4, 0.5)], "every response of round 1 was cut off"),
    ],
)
def test_rounds_without_training_are_named_with_their_cause(rows, said):
    (line,) = alarms(metrics(*rows), files(1, 2))
    assert line.startswith("kd, seed 0: ")
    assert said in line


@pytest.mark.parametrize(
    ("rounds", "words"),
    [([3], "round 3"), ([1, 2, 3, 6], "rounds 1 to 3 and 6"), ([1, 3, 5, 6], "rounds 1, 3 and 5 to 6")],
)
def test_rounds_in_words(rounds, words):
    assert rounds_in_words(rounds) == words


def test_the_answer_names_the_rounds_in_place_of_no_clear_difference():
    row = {"policy": "kd", "round": 2, "seeds": 1, "metric": "avg@4", "verdict": "none", "benchmark": "coins",
           "sampling": "T1", "difference": 0.0, "low": 0.0, "high": 0.0}  # fmt: skip
    idle = by_arm(untrained(metrics(), files(1, 2)))
    (sentence,) = answers([row], ["kd"], base=True, untrained=idle)
    assert sentence == "kd after round 2 against the base policy: nothing was trained in rounds 1 to 2."


@pytest.mark.parametrize(
    ("loss", "weight", "advantage", "share"),
    [("pg", 1.0, 0.0, 0.0), ("pg", 1.0, 0.5, 1.0), ("opd", 0.5, None, 1.0), ("mle", 0.0, None, 0.0)],
)
def test_a_row_counts_where_it_can_change_the_policy(loss, weight, advantage, share):
    row = {"prompt_id": "x", "correct": True, "loss": loss, "weight": weight, "advantage": advantage,
           "logprobs": [-1.0], "scorer_logprobs": [-1.0], "response_token_ids": [1], "truncated": False}  # fmt: skip
    assert batch_metrics(pl.DataFrame([row], schema_overrides={"advantage": pl.Float64}))["trained"] == share
