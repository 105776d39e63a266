"""The step of the trainer, through real DeepSpeed, is the gradient of the formula.

    L = sum_i weight_i / normaliser_i * sum_t loss_{i,t}

`trainers.formula` writes it out once more, a row at a time and without the library's losses or packing.
"""

import math

import polars as pl
import pytest
import torch
from torch.testing import assert_close

from architectures import random_model
from scope.models.isolation import packing_of
from trainers import (
    ARMS,
    assert_equal_to_1e_9,
    every_arm,
    formula,
    gradients,
    make_batch,
    make_trainer,
    step_in_float64,
    weights_of,
)
from worlds import objective_of, tiny_model

pytestmark = pytest.mark.usefixtures("group_of_one")


@pytest.mark.parametrize("temperatures", [(1.0, 1.0), (0.6, 1.0), (0.6, 0.6)], ids=str)
@every_arm
def test_loss_and_gradient_of_a_step_are_those_of_the_formula(objective, temperatures, student, teacher):
    batch = make_batch(objective, student, teacher, temperatures=temperatures)
    parts = formula(student, batch, objective, teacher, temperatures)
    loss = sum(parts.values())
    names, parameters = zip(*student.named_parameters(), strict=True)
    expected = dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))

    trainer = make_trainer(student, objective, teacher, temperatures)
    (metrics,) = trainer.run_round(batch, 0)
    assert metrics["loss"] == pytest.approx(loss.item(), rel=1e-5, abs=1e-6)
    logged = {name: value for name, value in metrics.items() if name.startswith("loss_")}
    assert logged == pytest.approx({f"loss_{kind}": part.item() for kind, part in parts.items()}, rel=1e-5, abs=1e-6)
    assert_close(gradients(trainer), expected, rtol=1e-3, atol=1e-5)
    assert metrics["grad_norm"] == pytest.approx(math.hypot(*(g.norm() for g in expected.values())), rel=1e-4)


@pytest.mark.parametrize("temperatures", [(1.0, 1.0), (0.6, 0.9)], ids=str)
@every_arm
def test_in_float64_loss_and_gradient_are_the_formula_to_1e_9(objective, temperatures, student, teacher):
    """The formula goes a row at a time, without packs, chunks or DeepSpeed; stored values are float32 to both."""
    batch = make_batch(objective, student, teacher, temperatures=temperatures)
    student, teacher = student.double(), teacher.double() if objective.kl == "full" else None
    expected_loss = sum(formula(student, batch, objective, teacher or student, temperatures).values())
    names, parameters = zip(*student.named_parameters(), strict=True)
    expected = dict(zip(names, torch.autograd.grad(expected_loss, parameters), strict=True))
    loss, gradient = step_in_float64(student, batch, objective, teacher, temperatures)
    assert loss == pytest.approx(expected_loss.item(), rel=1e-9, abs=1e-12)
    assert_equal_to_1e_9(gradient, expected)


@pytest.mark.real
@pytest.mark.parametrize("architecture", ["llama", "qwen3_next", "mamba", "lfm2", "gpt_oss", "opt", "mpt"])
@pytest.mark.parametrize("arm", ["scope", "opd, full KL"])
def test_a_step_is_that_of_the_formula_in_architectures_that_mix_the_pairs_of_a_pack(architecture, arm, teacher):
    objective, losses = ARMS[arm], []
    teacher = random_model(architecture, seed=1)
    for budget in (1, 4096):
        model = random_model(architecture)
        batch = make_batch(objective, tiny_model(1), tiny_model(2))
        expected = formula(model, batch, objective, teacher)
        trainer = make_trainer(model, objective, teacher, micro_batch_tokens=budget)
        (metrics,) = trainer.run_round(batch, 0)
        assert metrics["loss"] == pytest.approx(sum(expected.values()).item(), rel=1e-4, abs=1e-6)
        losses.append(gradients(trainer))
    assert_close(losses[1], losses[0], rtol=1e-3, atol=1e-5)


@pytest.mark.real
@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("llama", {"attention_dropout": 0.5}),
        ("opt", {"dropout": 0.3, "attention_dropout": 0.3}),
        ("opt", {"layerdrop": 0.9}),
        ("gpt2", {"resid_pdrop": 0.3, "embd_pdrop": 0.3, "attn_pdrop": 0.3}),
        ("phi3", {"resid_pdrop": 0.3}),
        ("mixtral", {"router_jitter_noise": 0.3}),
        ("bloom", {"hidden_dropout": 0.3, "attention_dropout": 0.3}),
    ],
)
def test_dropout_of_the_configuration_is_off_and_named(architecture, settings, steps, capsys):
    """Eq. 1: pi_theta is the policy that sampled the round, so the first ratio is 1, whatever is dropped elsewhere."""
    objective, model = ARMS["scope"], random_model(architecture, **settings)
    batch = make_batch(objective, tiny_model(1), tiny_model(2), prompts_per_step=4 // steps)
    first = batch.filter(step=0)
    expected = sum(formula(random_model(architecture), first, objective, tiny_model(2)).values()).item()
    metrics = next(make_trainer(model, objective).run_round(batch, 0))
    log = capsys.readouterr().err
    assert all(
        f"update: {name} {rate} of the policy's config.json is not used" in log for name, rate in settings.items()
    )
    assert metrics["ratio_mean"] == pytest.approx(1, abs=1e-6)
    assert metrics["ratio_max"] == pytest.approx(1, abs=1e-5)
    assert metrics["loss"] == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("marks", ["11111", "00000"])
def test_a_paths_step_is_no_larger_than_that_of_its_largest_rollout(marks, student, teacher):
    """Appendix A through the trainer: |grad sum_i w_i L_i| <= max_i |grad L_i|, as the w_i sum to 1."""
    objective = objective_of(token_reduction="sum")
    batch = make_batch(objective, student, teacher, {"a": marks})
    alone = [batch[[i]].with_columns(weight=pl.lit(1.0)) for i in range(len(batch))]
    norms = []
    for rows in (batch, *alone):
        (metrics,) = make_trainer(tiny_model(1), objective).run_round(rows, 0)
        norms.append(metrics["grad_norm"])
    assert 0 < norms[0] <= max(norms[1:])


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_a_student_that_equals_its_teacher_stays_where_it_is(temperature, student):
    """Eq. 3 at pi_theta = pi_T: loss 0, gradient 0, and without weight decay no parameter moves."""
    objective, temperatures, teacher = ARMS["opd"], (temperature, temperature), tiny_model(1)
    for model in (student, teacher):  # attend as the trainer does, to the last bit
        packing_of(model, 4096)
    batch = make_batch(objective, student, teacher, temperatures=temperatures)
    before = weights_of(student)
    trainer = make_trainer(student, objective, temperatures=temperatures, micro_batch_tokens=4096, weight_decay=0)
    (metrics,) = trainer.run_round(batch, 0)
    assert abs(metrics["loss"]) < 1e-7
    assert metrics["grad_norm"] < 1e-6
    assert_close(weights_of(student), before, rtol=0, atol=1e-6)


def test_the_exact_kl_of_a_student_with_itself_is_at_rest(student):
    objective = ARMS["opd, full KL"]
    batch = make_batch(objective, student, tiny_model(1))
    (metrics,) = make_trainer(student, objective, tiny_model(1)).run_round(batch, 0)
    assert abs(metrics["loss"]) < 1e-6
    assert metrics["grad_norm"] < 1e-5
