"""Several steps in a round, and several rounds: ratios, numbers, rates, checkpoints and saved state."""

import re

import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from conftest import RECIPE
from scope.artifacts import progress
from scope.artifacts.partial import Unfinished
from scope.models.load import load_model
from scope.update.checkpoints import Checkpoints
from scope.update.micro_batch import lengths_of
from scope.update.trainer import Trainer
from trainers import (
    ARMS,
    formula,
    loss_settings,
    make_batch,
    make_trainer,
    update_settings,
    weights_of,
    without_costs,
    zero,
)
from worlds import tiny_model

pytestmark = pytest.mark.usefixtures("group_of_one")


@pytest.mark.parametrize("arm", ["scope", "opd", "opd, clipped", "grpo"])
def test_the_ratio_is_1_in_the_first_step_and_of_the_rounds_start_in_the_second(arm, student, teacher):
    """(1) pi_old is the policy at the start of the round, for every step of it."""
    objective, start = ARMS[arm], tiny_model(1)
    batch = make_batch(objective, start, teacher, prompts_per_step=2)
    steps = make_trainer(student, objective, learning_rate=0.05).run_round(batch, 0)
    first = next(steps)
    assert (first["ratio_mean"], first["ratio_max"]) == (1, 1)
    expected = formula(student, batch.filter(pl.col("step") == 1), objective, teacher, old=start)
    second = next(steps)
    assert abs(second["ratio_mean"] - 1) > 1e-3
    assert second["ratio_max"] > 1.2
    assert second["loss"] == pytest.approx(sum(expected.values()).item(), rel=1e-4)
    assert (second.get("clipped", 0) > 0) == (arm == "grpo")
    assert next(steps, None) is None


def test_the_log_shows_passes_through_the_policy_and_last_the_sum(teacher, monkeypatch, capsys):
    """Micro-batches of the second step pass forward first; later each, which takes thrice as long, both ways."""
    batch, shown = make_batch(ARMS["scope"], tiny_model(1), teacher, prompts_per_step=2), []
    trainer = make_trainer(tiny_model(1), ARMS["scope"])
    monkeypatch.setattr(progress.Progress, "due", lambda self: True)
    monkeypatch.setattr(progress.Progress, "show", lambda self, done, left, **_: shown.append((done, left)))
    capsys.readouterr()
    list(trainer.run_round(batch, 0))
    first, second = (len(trainer.micro_batches(batch.filter(step=step))) for step in range(2))
    both, total = 3 * (first + second), 3 * (first + second) + second
    forward = [(i, total - i) for i in range(1, second + 1)]
    assert shown == forward + [(second + done, both - done) for done in range(3, both + 1, 3)]
    tokens = sum(lengths_of(batch))
    line = rf"2 steps, {tokens:,} tokens in \S+ s \(\S+ tokens/s\)"
    assert re.fullmatch(line, capsys.readouterr().err.splitlines()[-1])


def test_a_step_without_rows_keeps_its_number(student, teacher):
    """KD may drop every sample of a step: the others keep their numbers, and with them their rates."""
    objective = ARMS["kd"]
    batch = make_batch(objective, student, teacher, prompts_per_step=1).filter(pl.col("step") != 1)
    steps = make_trainer(student, objective, warmup_steps=10).run_round(batch, 4)
    numbered = [(metrics["step"], metrics["learning_rate"]) for metrics in steps]
    assert numbered == [(5, pytest.approx(0.5e-4)), (7, pytest.approx(0.7e-4)), (8, pytest.approx(0.8e-4))]


def test_rounds_joined_by_saved_policy_and_state_are_one_run(teacher, tmp_path):
    """The moments of AdamW and the schedule go on where the round before stopped."""
    objective = ARMS["kd"]
    batches = [make_batch(objective, tiny_model(1), teacher, seed=seed) for seed in (1, 2)]
    update = {"schedule": "linear", "total_steps": 3}

    whole = tiny_model(1)
    trainer = make_trainer(whole, objective, **update)
    rates = [
        metrics["learning_rate"] for done, batch in enumerate(batches) for metrics in trainer.run_round(batch, done)
    ]
    assert rates == pytest.approx([0.75e-4, 0.5e-4])

    model = tiny_model(1)
    for done, batch in enumerate(batches):
        trainer = make_trainer(model, objective, **update)
        if done:
            trainer.load_state(tmp_path / "state")
        list(trainer.run_round(batch, done))
        trainer.save_policy(tmp_path / "policy")
        (tmp_path / "state").mkdir(exist_ok=True)
        trainer.save_state(tmp_path / "state")
        model = load_model(tmp_path / "policy", "float32")
    assert_close(weights_of(model), weights_of(whole), rtol=0, atol=1e-6)


def test_parameters_move_at_the_rate_of_the_schedule(student, teacher):
    """AdamW's first step, without decay, is rate * g / (|g| + eps): the rate itself where g is not tiny."""
    before = weights_of(student)
    batch = make_batch(ARMS["scope"], student, teacher)
    (metrics,) = make_trainer(student, ARMS["scope"], warmup_steps=10, weight_decay=0).run_round(batch, 2)
    assert metrics["learning_rate"] == pytest.approx(0.3e-4)
    moved = max((after - before[name]).abs().max() for name, after in student.named_parameters())
    assert moved.item() == pytest.approx(0.3e-4, rel=1e-2)


@pytest.mark.real
@pytest.mark.parametrize(
    ("stage", "dtype"),
    [(0, "float32"), (1, "float32"), (2, "float32"), (3, "float32"), (1, "bfloat16"), (2, "bfloat16")],
)
def test_steps_after_a_checkpoint_are_those_of_an_unbroken_round(stage, dtype, teacher, tmp_path):
    """Also the last step alone: its pi_old is the policy at the round's start, not that of the checkpoint."""
    update = {"learning_rate": 0.05, "deepspeed": zero(stage)}
    objective, checkpoints = ARMS["scope"], Checkpoints(Unfinished(tmp_path, RECIPE, "this"))
    batch = make_batch(objective, tiny_model(1), teacher, prompts_per_step=1)
    started = lambda: Trainer(  # noqa: E731
        tiny_model(1).to(getattr(torch, dtype)), *update_settings(**update), dtype, loss_settings(objective)
    )
    trainer, rows = started(), []
    for row in trainer.run_round(batch, 4):
        rows.append(row)
        if len(rows) == 3:
            checkpoints.keep(trainer.save_state, rows)
    trainer.save_policy(tmp_path / "whole")
    assert rows[-1]["ratio_max"] > 1.01

    checkpoint = checkpoints.newest()
    assert (checkpoint.rows, checkpoint.step) == (rows[:3], 7)
    trainer = started()
    after = trainer.run_round(batch, 4, checkpoint)
    assert list(map(without_costs, after)) == list(map(without_costs, rows[3:]))
    trainer.save_policy(tmp_path / "resumed")
    assert_close(*(load_file(tmp_path / name / "model.safetensors") for name in ("resumed", "whole")), rtol=0, atol=0)


def test_only_the_newest_whole_checkpoint_of_this_making_is_used(student, tmp_path, capsys):
    trainer = make_trainer(student, ARMS["kd"])
    this, another = (Checkpoints(Unfinished(tmp_path, RECIPE, identity)) for identity in ("this", "another"))
    for checkpoints, step in ((this, 9), (this, 10)):
        checkpoints.keep(trainer.save_state, [{"step": step}])
    assert [path.name for path in tmp_path.iterdir()] == ["step10"], "older ones are removed"
    (tmp_path / "step11/state").mkdir(parents=True)
    assert this.newest().step == 10
    assert not (tmp_path / "step11").exists()
    assert another.newest() is None
    assert "step10/manifest.json: from other settings, code or inputs" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
