"""Figures that are logged beside the loss."""

import math

import polars as pl
import pytest
import torch

from trainers import ARMS, distributions, gradients, make_batch, make_trainer, of_tokens

pytestmark = pytest.mark.usefixtures("group_of_one")


@pytest.mark.parametrize("arm", ["scope", "opd"])
def test_logged_figures_by_hand(arm, student, teacher):
    """Means over response tokens; the advantage of the incorrect path is weighted as its loss is."""
    objective = ARMS[arm]
    batch = make_batch(objective, student, teacher)
    rows = list(batch.iter_rows(named=True))
    with torch.no_grad():
        logps = [distributions(student, row, 1.0) for row in rows]
    entropies = torch.cat([-(logp.exp() * logp).sum(dim=-1) for logp in logps])
    wrong = [
        (row["weight"] / row["normaliser"], torch.tensor(row["scorer_logprobs"]) - of_tokens(logp, row))
        for row, logp in zip(rows, logps, strict=True)
        if not row["correct"]
    ]
    advantage = sum(w * a.sum() for w, a in wrong) / sum(w * len(a) for w, a in wrong)
    positive = torch.cat([a > 0 for _, a in wrong]).double().mean()

    (metrics,) = make_trainer(student, objective).run_round(batch, 0)
    assert metrics["entropy"] == pytest.approx(entropies.mean().item(), rel=1e-5)
    assert metrics["advantage_incorrect"] == pytest.approx(advantage.item(), rel=1e-4)
    assert metrics["advantage_incorrect_positive"] == pytest.approx(positive.item())


def test_the_gradient_is_clipped_and_its_norm_logged_before(student, teacher):
    objective = ARMS["scope"]
    batch = make_batch(objective, student, teacher)
    trainer = make_trainer(student, objective, grad_clip=1e-3)
    (metrics,) = trainer.run_round(batch, 0)
    assert metrics["grad_norm"] > 1e-2
    assert math.hypot(*(g.norm() for g in gradients(trainer).values())) == pytest.approx(1e-3, rel=1e-3)


def test_the_gap_to_the_engines_log_probabilities_is_logged(student, teacher):
    objective = ARMS["scope"]
    batch = make_batch(objective, student, teacher).with_columns(pl.col("logprobs").list.eval(pl.element() - 0.25))
    (metrics,) = make_trainer(student, objective).run_round(batch, 0)
    assert (metrics["engine_gap_mean"], metrics["engine_gap_max"]) == pytest.approx((0.25, 0.25), abs=1e-5)


def test_samples_of_a_teacher_have_no_gap_to_log(student, teacher):
    (metrics,) = make_trainer(student, ARMS["kd"]).run_round(make_batch(ARMS["kd"], student, teacher), 0)
    assert not [name for name in metrics if name.startswith("engine_gap")]
