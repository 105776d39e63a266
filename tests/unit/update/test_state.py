"""A state of the optimizer is read by any number of ranks, at any ZeRO stage, in any precision."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from ranks import on_ranks
from refusals import refused
from scope.models.load import load_model
from scope.update.state import MOMENTS, WEIGHT
from scope.update.trainer import Trainer
from trainers import ARMS, loss_settings, make_batch, make_trainer, update_settings, weights_of, whole_state, zero
from worlds import tiny_model

pytestmark = pytest.mark.usefixtures("rank_server")

OBJECTIVE = ARMS["kd"]

OFFLOADED = {"offload_optimizer": {"device": "cpu", "pin_memory": False}}


def trainer_of(model, dtype, stage, **offload):
    deepspeed = zero(stage, **offload) | {"zero_force_ds_cpu_optimizer": not offload}
    settings = update_settings(learning_rate=0.01, deepspeed=deepspeed)
    return Trainer(model.to(getattr(torch, dtype)), *settings, dtype, loss_settings(OBJECTIVE))


def run_step(trainer, number):
    list(trainer.run_round(make_batch(OBJECTIVE, tiny_model(1), tiny_model(2), seed=number), number))


def first_step(folder, dtype, stage):
    """A step from the start; returns the state that it wrote."""
    trainer = trainer_of(tiny_model(1), dtype, stage)
    run_step(trainer, 0)
    trainer.save_policy(folder / "policy")
    (folder / "state").mkdir(exist_ok=True)
    torch.distributed.barrier()
    trainer.save_state(folder / "state")
    return whole_state(trainer)


def second_step(folder, dtype, stage, **offload):
    """The state as it was read, and the weights after another step."""
    trainer = trainer_of(load_model(folder / "policy", dtype), dtype, stage, **offload)
    trainer.load_state(folder / "state")
    state = whole_state(trainer)
    run_step(trainer, 1)
    return state, {name: parts[WEIGHT] for name, parts in whole_state(trainer)[0].items()}


def both_steps():
    """The weights after two steps of an unbroken run."""
    trainer = trainer_of(tiny_model(1), "float32", 1)
    for number in range(2):
        run_step(trainer, number)
    return {name: parts[WEIGHT] for name, parts in whole_state(trainer)[0].items()}


@pytest.fixture(scope="module")
def unbroken():
    (weights,) = on_ranks(1, both_steps)
    return weights


@pytest.mark.real
@pytest.mark.usefixtures("group_of_one")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("written", "read"), [(0, 1), (1, 2), (2, 3), (3, 0)])
def test_any_zero_stage_reads_the_state_of_any_other(dtype, written, read, unbroken, tmp_path):
    state = first_step(tmp_path, dtype, written)
    taken, after = second_step(tmp_path, dtype, read)
    assert_close(taken, state, rtol=0, atol=0)
    assert taken[1] == 1
    if dtype == "float32":  # gradients of bfloat16 are summed otherwise at stage 0
        assert_close(after, unbroken, rtol=0, atol=1e-6)


@pytest.mark.real
@pytest.mark.usefixtures("group_of_one")
@pytest.mark.parametrize("stage", [2, 3])
def test_an_offloaded_state_is_that_of_the_device(stage, unbroken, tmp_path):
    state = first_step(tmp_path, "float32", 1)
    taken, after = second_step(tmp_path, "float32", stage, **OFFLOADED)
    assert_close(taken, state, rtol=0, atol=0)
    assert_close(after, unbroken, rtol=0, atol=1e-6)


@pytest.mark.real
@pytest.mark.parametrize(
    ("written", "read"),
    [((2, 2), (1, 0)), ((2, 2), (3, 3)), ((2, 1), (4, 1)), ((1, 0), (2, 3)), ((3, 3), (2, 2))],
    ids=lambda ranks_and_stage: "{} ranks, stage {}".format(*ranks_and_stage),
)
def test_any_number_of_ranks_reads_the_state_of_any_other(written, read, unbroken, tmp_path):
    state, *others = on_ranks(written[0], first_step, tmp_path, "float32", written[1])
    assert len(list((tmp_path / "state").iterdir())) == written[0]
    for other in others:
        assert_close(other, state, rtol=0, atol=0)
    for taken, after in on_ranks(read[0], second_step, tmp_path, "float32", read[1]):
        assert_close(taken, state, rtol=0, atol=0)
        assert_close(after, unbroken, rtol=0, atol=1e-5)


@pytest.mark.usefixtures("group_of_one")
def test_a_bfloat16_run_keeps_its_weights_in_full_precision(tmp_path):
    """A step of 1e-6 is lost in bfloat16, but adds up in the state."""
    state, _ = first_step(tmp_path, "bfloat16", 1)
    rounded = load_file(tmp_path / "policy/model.safetensors")
    kept = {name: parts[WEIGHT] for name, parts in state.items()}
    assert any((kept[name] != weight.float()).any() for name, weight in rounded.items())
    assert all((kept[name].bfloat16() == weight).all() for name, weight in rounded.items())


@pytest.mark.usefixtures("group_of_one")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("stage", range(4))
def test_the_first_step_is_as_large_as_its_rate(dtype, stage, tmp_path):
    """AdamW's bias correction makes it rate * g / (|g| + eps), whatever DeepSpeed did before it."""
    start = {name: weight.to(getattr(torch, dtype)).float() for name, weight in weights_of(tiny_model(1)).items()}
    state, step = first_step(tmp_path, dtype, stage)
    moved = max((parts[WEIGHT] - start[name]).abs().max().item() for name, parts in state.items())
    assert step == 1
    assert moved == pytest.approx(0.01, rel=0.05)  # weight decay adds 1e-4 of a weight


@pytest.mark.usefixtures("group_of_one")
@pytest.mark.parametrize("stage", [0, 1])
def test_no_weight_decays_before_the_first_step(stage, tmp_path):
    """At stage 0 in bfloat16 DeepSpeed makes a step without a gradient when it starts."""
    model, deepspeed = tiny_model(1).bfloat16(), zero(stage)
    before = {name: weight.float() for name, weight in weights_of(model).items()}
    settings = update_settings(learning_rate=0.1, weight_decay=0.5, deepspeed=deepspeed)
    trainer = Trainer(model, *settings, "bfloat16", loss_settings(OBJECTIVE))
    state, step = whole_state(trainer)
    assert step == 0
    assert_close({name: parts[WEIGHT] for name, parts in state.items()}, before, rtol=0, atol=0)


@pytest.mark.usefixtures("group_of_one")
def test_a_state_before_the_first_step_is_that_of_a_fresh_optimizer(student, tmp_path):
    """A round in which nothing is trained writes one as well."""
    trainer = make_trainer(student, OBJECTIVE)
    trainer.save_state(tmp_path)
    before = weights_of(student)
    trainer.load_state(tmp_path)
    state, step = whole_state(trainer)
    assert step == 0
    assert all(not parts[moment].any() for parts in state.values() for moment in MOMENTS)
    assert_close({name: parts[WEIGHT] for name, parts in state.items()}, before, rtol=0, atol=0)


@pytest.mark.usefixtures("group_of_one")
def test_a_missing_state_is_refused(student, tmp_path):
    with refused("no-optimizer-state", tmp_path, "--state"):
        make_trainer(student, OBJECTIVE).load_state(tmp_path)


@pytest.mark.usefixtures("group_of_one")
@pytest.mark.parametrize("kept", [0, 1])
def test_a_state_of_other_weights_is_refused(kept, student, tmp_path):
    """One weight too few, one too many."""
    trainer = make_trainer(student, OBJECTIVE)
    trainer.save_state(tmp_path)
    (file,) = tmp_path.iterdir()
    whole = load_file(file)
    norm = "model.norm.weight"
    others = {name: value for name, value in whole.items() if not name.endswith(norm)}
    save_file(others if kept == 0 else whole | {f"{WEIGHT}.extra": torch.ones(1)}, file, metadata={"step": "1"})
    with refused("other-state", tmp_path, norm if kept == 0 else "extra"):
        trainer.load_state(tmp_path)


@pytest.mark.usefixtures("group_of_one")
def test_files_are_written_as_they_fill(tmp_path, monkeypatch):
    """No rank holds its whole share on the CPU, and several files are hashed at once."""
    monkeypatch.setattr("scope.update.state.FILE_BYTES", 20_000)
    state = first_step(tmp_path, "float32", 1)
    files = sorted((tmp_path / "state").iterdir())
    assert len(files) > 1
    assert max(file.stat().st_size for file in files) < 20_000 + 3 * largest_weight()
    taken, _ = second_step(tmp_path, "float32", 1)
    assert_close(taken, state, rtol=0, atol=0)


def largest_weight():
    return max(parameter.nbytes for parameter in tiny_model(1).parameters()) + 1_000
