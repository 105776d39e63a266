"""The truncated importance ratio to the engine, and what stops a run: guards, and what is not finite."""

import math

import polars as pl
import pytest
import torch
from torch.testing import assert_close

from refusals import refused
from scope.update.guards import check_guards
from scope.update.recipe import Guards
from trainers import ARMS, distributions, gradients, make_batch, make_trainer, of_tokens, token_losses, weights_of, zero
from worlds import tiny_model

pytestmark = pytest.mark.usefixtures("group_of_one")


@pytest.mark.parametrize("arm", ["scope", "released", "opd", "grpo without KL", "kd"])
@pytest.mark.parametrize("cap", [0.9, 2.0])
def test_tokens_are_weighed_by_the_truncated_ratio_of_trainer_and_engine(arm, cap, student, teacher):
    """TIS: sum_t min(pi_old(y_t) / pi_engine(y_t), c) loss_t, for tokens that an engine sampled."""
    objective = ARMS[arm]
    batch = make_batch(objective, student, teacher)
    shift = pl.col("logprobs").list.eval(pl.element() - 0.5 + (pl.element() * 7).sin())
    batch = batch.with_columns(logprobs=shift) if arm != "kd" else batch
    total, ratios = 0.0, []
    for row in batch.iter_rows(named=True):
        logp_TV = distributions(student, row, 1.0)
        old_T = of_tokens(logp_TV, row).detach()
        loss_T = token_losses(row, objective, logp_TV, old_T, None)
        if arm != "kd":
            ratios += (old_T - torch.tensor(row["logprobs"])).exp().tolist()
            loss_T = loss_T * (old_T - torch.tensor(row["logprobs"])).exp().clamp(max=cap)
        total = total + row["weight"] / row["normaliser"] * loss_T.sum()
    assert arm == "kd" or min(ratios) < cap < max(ratios)
    names, parameters = zip(*student.named_parameters(), strict=True)
    expected = dict(zip(names, torch.autograd.grad(total, parameters), strict=True))
    trainer = make_trainer(student, objective, tis_cap=cap)
    (metrics,) = trainer.run_round(batch, 0)
    assert metrics["loss"] == pytest.approx(total.item(), rel=1e-5, abs=1e-6)
    assert_close(gradients(trainer), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("guards", "words"),
    [({"max_engine_gap": 0.2}, ["step 1", "engine_gap_mean", "update.guards.max_engine_gap", "update.tis_cap"]),
     ({"max_ratio": 0.5}, ["step 1", "ratio_max", "update.guards.max_ratio", "update.learning_rate"])],
)  # fmt: skip
def test_a_figure_beyond_its_guard_stops_before_the_step(guards, words, student, teacher):
    batch = make_batch(ARMS["scope"], student, teacher).with_columns(
        logprobs=pl.col("logprobs").list.eval(pl.element() - 0.3)
    )
    before = weights_of(student)
    with refused("beyond-guard", *words):
        list(make_trainer(student, ARMS["scope"], guards=guards).run_round(batch, 0))
    assert_close(weights_of(student), before, rtol=0, atol=0)


def test_ratios_of_few_tokens_alone_stop_before_the_step_that_they_would_make(student, teacher):
    """(1) in the first step every rho_t is 1 and the effective sample size T; in the second it is below T."""
    batch = make_batch(ARMS["scope"], tiny_model(1), teacher, prompts_per_step=2)
    steps = make_trainer(student, ARMS["scope"], learning_rate=0.05, guards={"min_ess": 0.999}).run_round(batch, 0)
    assert next(steps)["ess"] == 1
    before = weights_of(student)
    with refused("beyond-guard", "step 2", "ess", "below update.guards.min_ess (0.999)", "lower the limit"):
        next(steps)
    assert_close(weights_of(student), before, rtol=0, atol=0)


def test_a_figure_that_is_no_number_is_beyond_its_guard_and_one_that_no_token_has_is_not():
    guards = Guards(max_engine_gap=None, max_ratio=2.0, min_ess=0.5)
    check_guards({"ratio_max": 2.0, "ess": 0.5}, guards, 1)
    check_guards({}, guards, 1)
    for metrics in ({"ratio_max": math.nan}, {"ess": math.nan}, {"ratio_max": 2.1}, {"ess": 0.4}):
        with refused("beyond-guard", *metrics):
            check_guards(metrics, guards, 1)


def test_a_large_gap_to_the_engine_is_a_warning_and_a_small_one_none(student, teacher, capsys):
    batch, shift = make_batch(ARMS["scope"], student, teacher), pl.col("logprobs").list.eval(pl.element() - 0.3)
    list(make_trainer(tiny_model(1), ARMS["scope"], guards={"max_engine_gap": 0.2}).run_round(batch, 0))
    assert "Warning" not in capsys.readouterr().err
    list(make_trainer(tiny_model(1), ARMS["scope"]).run_round(batch.with_columns(logprobs=shift), 0))
    assert "Warning: step 1: log-probabilities of the engine" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_is_refused(student, teacher):
    batch = make_batch(ARMS["scope"], student, teacher)
    with torch.no_grad():
        student.model.norm.weight[0] = math.nan
    with refused("not-finite", "step 8: the loss is nan"):
        list(make_trainer(student, ARMS["scope"]).run_round(batch, 7))


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_a_gradient_that_is_not_finite_is_refused(stage, student, teacher):
    batch = make_batch(ARMS["scope"], student, teacher)
    student.model.norm.weight.register_hook(lambda gradient: gradient * math.nan)
    trainer = make_trainer(student, ARMS["scope"], deepspeed=zero(stage))
    with refused("not-finite", "step 1: the gradient"):
        list(trainer.run_round(batch, 0))
