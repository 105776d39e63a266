"""This project's side: its trainer, head and scorer, at the defaults of its configuration."""

from pathlib import Path
from typing import Any

import polars as pl
from torch import Tensor

from bench.heads import measure_head
from bench.models import random_model, saved_model
from bench.rows import GROUP, Rows, shortened
from bench.worker import Meter
from scope.artifacts.schemas.batch import BATCH
from scope.config.teacher import Teacher
from scope.config.training import Objective, Rollout, Update
from scope.method.table import METHODS
from scope.models.head import Distribution, Hidden
from scope.models.head_loss import loss_of_tokens
from scope.models.pair import Pair
from scope.planning.take import take
from scope.score.in_process import InProcessTeacher
from scope.update.execution import Execution
from scope.update.launch import join_ranks
from scope.update.loss_settings import LossSettings
from scope.update.recipe import UpdateSettings
from scope.update.trainer import Trainer

DTYPE = "float32"


def update(spec: dict[str, Any], meter: Meter) -> dict[str, float]:
    """One optimizer step of SCOPE's loss, half of the rows on each path."""
    join_ranks(1)
    model = random_model(spec["shape"])
    section = Update(**spec["options"])
    settings = take(UpdateSettings, section), take(Execution, section)
    objective = Objective()
    loss = LossSettings(
        kl=objective.kl, opd_clip=objective.opd_clip, pg_clip=objective.pg_clip,
        kl_coefficient=objective.kl_coefficient, student_temperature=Rollout().temperature, teacher_temperature=None,
    )  # fmt: skip
    pairs = Rows(**spec["rows"]).pairs()
    meter.loaded()
    trainer = Trainer(model, *settings, DTYPE, loss)
    list(trainer.run_round(batch(shortened(pairs)), steps_done=0))
    rows = batch(pairs)
    with meter.timed():
        (metrics,) = trainer.run_round(rows, steps_done=1)
    return {"entropy": metrics["entropy"]}


def batch(pairs: list[tuple[list[int], list[int]]]) -> pl.DataFrame:
    """The rows of one step, in groups of which one half is correct."""
    method, prompts = METHODS["scope", "paper"], -(-len(pairs) // GROUP)
    rows = []
    for index, (prompt, response) in enumerate(pairs):
        correct = index % 2 == 0
        rows.append(
            {
                "step": 0,
                "prompt_id": f"p{index // GROUP:04}",
                "sample_index": index % GROUP,
                "prompt_token_ids": prompt,
                "response_token_ids": response,
                "logprobs": [-5.0] * len(response),
                "scorer_logprobs": None if correct else [-4.0] * len(response),
                "correct": correct,
                "truncated": False,
                "path": "correct" if correct else "incorrect",
                "loss": method.correct_loss if correct else method.incorrect_loss,
                "weight": 2 / GROUP,
                "advantage": None,
                "normaliser": float(prompts * len(response)),
            }
        )
    return pl.DataFrame(rows, schema=BATCH.empty().schema)


def head(spec: dict[str, Any], meter: Meter) -> dict[str, float]:
    """The head of the update, which always computes the entropy too."""
    return measure_head(spec, meter, total_log_probability)


def total_log_probability(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Scalar: the sum of the targets' log-probabilities."""
    return loss_of_tokens(Distribution(Hidden(hidden, weight), 1.0), targets, lambda logp, rows: logp).total


def score(spec: dict[str, Any], meter: Meter) -> dict[str, float]:
    """Log-probabilities of all responses, by the scorer in the process."""
    pairs = Rows(**spec["rows"]).pairs()
    folder = Path(spec["folder"])
    scorer = InProcessTeacher(folder, dtype=DTYPE, temperature=1.0, pack_tokens=Teacher().pack_tokens)
    meter.loaded()
    list(scorer.score_each([Pair(*pair) for pair in shortened(pairs)]))
    with meter.timed():
        scores = dict(scorer.score_each([Pair(*pair) for pair in pairs]))
    values = [value for row in scores.values() for value in row]
    return {"log_probability": sum(values) / len(values)}


def save(spec: dict[str, Any], meter: Meter) -> dict[str, float]:
    """The model that scorers load, written where the spec wants it."""
    saved_model(spec["shape"], Path(spec["folder"]))
    return {}
