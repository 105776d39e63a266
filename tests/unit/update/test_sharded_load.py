"""At ZeRO stage 3 no rank ever holds the whole model, and a step is that of whole models."""

import os

import pytest
from torch.testing import assert_close
from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled

from architectures import random_model
from ranks import on_ranks
from scope.models.load import load_model
from scope.update.deepspeed_config import deepspeed_config
from scope.update.lora import add_adapters
from scope.update.recipe import LoraSettings
from scope.update.sharded_load import sharded_load
from scope.update.trainer import Trainer
from trainers import ARMS, gradients, loss_settings, make_batch, update_settings, without_costs, zero
from worlds import tiny_model

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("rank_server")]
OBJECTIVE = ARMS["scope"]
PEAK = {"peak_tflops": 1.0}


def step(folder, stage, dtype="float32", lora=False):
    """Weights held after loading; metrics, gradient, and MFU of a step; the policy is written."""
    settings = update_settings(deepspeed=zero(stage))
    with sharded_load(deepspeed_config(*settings, dtype)):
        model = load_model(folder, dtype)
    assert not is_deepspeed_zero3_enabled()
    held = sum(parameter.numel() for parameter in model.parameters())
    if lora:
        add_adapters(model, LoraSettings(rank=2, alpha=4, targets="all-linear"), seed=0)
    trainer = Trainer(model, *settings, dtype, loss_settings(OBJECTIVE), **PEAK)
    (metrics,) = trainer.run_round(make_batch(OBJECTIVE, tiny_model(1), tiny_model(2)), 0)
    trainer.save_policy(folder / f"stage{stage}")
    flops = metrics["mfu"] / metrics["tokens_per_second"] if "mfu" in metrics else None  # of a token
    return held, without_costs(metrics), gradients(trainer), flops, int(os.environ["WORLD_SIZE"])


@pytest.mark.parametrize(("world", "lora"), [(1, False), (2, False), (2, True)])
def test_a_step_is_that_of_a_whole_model(world, lora, tmp_path):
    tiny_model(1).save_pretrained(tmp_path)
    ((whole, expected_metrics, expected_gradient, flops, _),) = on_ranks(1, step, tmp_path, 0, "float32", lora)
    assert whole > 0
    for held, metrics, gradient, own_flops, ranks in on_ranks(world, step, tmp_path, 3, "float32", lora):
        assert held == 0  # the part of each is elsewhere: transformers sees empty tensors
        assert metrics == pytest.approx(expected_metrics, rel=1e-4, abs=1e-6)
        assert_close(gradient, expected_gradient, rtol=1e-4, atol=1e-6)
        assert own_flops * ranks == pytest.approx(flops, rel=1e-9)
    made, expected = (dict(load_model(tmp_path / f"stage{stage}", "float32").named_parameters()) for stage in (3, 0))
    assert_close(made, expected, rtol=0, atol=1e-5)


def test_in_bfloat16(tmp_path):
    tiny_model(1).save_pretrained(tmp_path)
    ((_, expected, *_),) = on_ranks(1, step, tmp_path, 0, "bfloat16")
    for held, metrics, *_ in on_ranks(2, step, tmp_path, 3, "bfloat16"):
        assert held == 0
        assert metrics["loss"] == pytest.approx(expected["loss"], rel=0.02)


@pytest.mark.parametrize("architecture", ["gemma2", "mamba", "mixtral", "gpt2"])
def test_architectures_that_need_a_mask_or_packs_of_one_row(architecture, tmp_path):
    """Finding out how packs go through a model leaves DeepSpeed's order of gathering intact."""
    random_model(architecture).save_pretrained(tmp_path)
    ((_, expected_metrics, expected_gradient, *_),) = on_ranks(1, step, tmp_path, 0)
    for _, metrics, gradient, *_ in on_ranks(2, step, tmp_path, 3):
        assert metrics == pytest.approx(expected_metrics, rel=1e-4, abs=1e-5)
        assert_close(gradient, expected_gradient, rtol=1e-3, atol=1e-5)
