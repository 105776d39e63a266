"""Figures that are logged beside the loss."""

import math

import polars as pl
import pytest
import torch
import torch.distributed as dist

from scope.update.step_metrics import StepMetrics
from trainers import ARMS, distributions, gradients, make_batch, make_trainer, of_tokens
from worlds import tiny_model

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


@pytest.mark.parametrize("arm", ["scope", "kd"])
def test_the_effective_sample_size_of_the_ratios_by_hand(arm, student, teacher):
    """(1) rho_t = pi_theta(y_t) / pi_old(y_t); logged is (sum_t rho_t)^2 / (T sum_t rho_t^2) over a step's T tokens."""
    objective, start = ARMS[arm], tiny_model(1)
    batch = make_batch(objective, start, teacher, prompts_per_step=2)
    trainer = make_trainer(student, objective, learning_rate=0.05)
    steps = trainer.run_round(batch, 0)
    assert next(steps)["ess"] == 1
    rows = batch.filter((pl.col("step") == 1) & (pl.col("weight") != 0))
    with torch.no_grad():
        logp_T, old_T = (
            torch.cat([of_tokens(distributions(model, row, 1.0), row) for row in rows.iter_rows(named=True)])
            for model in (student, start)
        )
    rho_T = (logp_T - old_T).exp().double()
    assert len(trainer.micro_batches(batch.filter(step=1))) > 1
    expected = rho_T.sum() ** 2 / (len(rho_T) * rho_T.square().sum())
    assert expected < 0.99
    assert next(steps)["ess"] == pytest.approx(expected.item(), rel=1e-4)


def test_the_effective_sample_size_is_that_of_all_micro_batches_and_ranks(monkeypatch):
    """rho = 1, 1, 2 and 4: (1 + 1 + 2 + 4)^2 / (4 (1 + 1 + 4 + 16)) = 64 / 88; with 8 on another rank 256 / 430."""
    tally = StepMetrics(torch.device("cpu"))
    for rho in ([1.0, 1.0, 2.0], [], [4.0]):
        tally.add_ess("ess", torch.tensor(rho))
    assert tally.result() == {"ess": pytest.approx(64 / 88)}
    other = StepMetrics(torch.device("cpu"))
    other.add_ess("ess", torch.tensor([8.0]))
    of_other = (other.sums, other.means, other.maxima, other.moments)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    monkeypatch.setattr(dist, "all_gather_object", lambda parts, own: parts.__setitem__(slice(None), [own, of_other]))
    assert tally.result() == {"ess": pytest.approx(256 / 430)}


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
