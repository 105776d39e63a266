"""DeepSpeed's settings are checked while planning, against tables that follow the installed DeepSpeed."""

import typing

import pytest

from conftest import ROOT
from refusals import refused
from scope.config.deepspeed import OFFLOAD, OWNED, TOP, ZERO, check_deepspeed
from scope.config.experiment import VARIANTS, parse_config, read_config
from scope.update.execution import zero_optimization


def with_deepspeed(**settings):
    raw = read_config(VARIANTS, ROOT / "config/config.yaml")
    raw["update"]["deepspeed"] = settings
    return parse_config(raw).update.deepspeed


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"zero_optimisation": {"stage": 3}}, ["zero_optimisation`", "did you mean `zero_optimization`"]),
        ({"zero": {"stage": 3}}, ["`deepspeed.zero`", "zero_optimization"]),
        ({"zero_optimization": {"stag": 3}}, ["zero_optimization.stag`", "did you mean `stage`"]),
        ({"zero_optimization": {"stage": 4}}, ["0, 1, 2 or 3", "4"]),
        ({"zero_optimization": {"stage": "three"}}, ["zero_optimization.stage`", "whole number", "'three'"]),
        ({"zero_optimization": {"stage": True}}, ["zero_optimization.stage`", "whole number"]),
        ({"zero_optimization": {"overlap_comm": "yes"}}, ["overlap_comm`", "true or false"]),
        ({"zero_optimization": {"reduce_bucket_size": "5e-1"}}, ["reduce_bucket_size`", "whole number"]),
        ({"zero_optimization": {"reduce_bucket_size": float("inf")}}, ["reduce_bucket_size`", "whole number"]),
        ({"zero_optimization": 2}, ["`deepspeed.zero_optimization`", "mapping"]),
        ({"zero_optimization": {"offload_optimizer": "cpu"}}, ["offload_optimizer`", "mapping"]),
        ({"zero_optimization": {"offload_param": {"devices": "cpu"}}}, ["did you mean `device`"]),
        ({"zero_optimization": {"offload_param": {"device": "gpu"}}}, ["none, cpu, nvme", "'gpu'"]),
        ({"zero_optimization": {"offload_optimizer": {"device": "cpu"}}}, ["`deepspeed.zero_force_ds_cpu_optimizer"]),
        ({"zero_optimization": {"cpu_offload": True}}, ["`deepspeed.zero_force_ds_cpu_optimizer"]),
        ({"zero_optimization": {"offload_optimizer": {"device": "nvme"}}}, ["on NVMe", "{device: cpu}"]),
        ({"zero_optimization": {"zenflow": {}}}, ["`zenflow`", "{device: cpu}"]),
        ({"bf16": {"enabled": True}}, ["`deepspeed.bf16`", "`models.dtype`"]),
        ({"gradient_clipping": 1.0}, ["`update.grad_clip`"]),
        ({"train_batch_size": 8}, ["`update.prompts_per_step`"]),
        ({"zero_allow_untested_optimizer": True}, ["remove it"]),
    ],
)
def test_a_wrong_setting_is_refused_with_what_to_write(settings, names):
    with refused("invalid-configuration", "`update.deepspeed`", *names) as caught:
        with_deepspeed(**settings)
    assert "\n" not in str(caught.value)


def test_text_that_shows_a_number_is_that_number():
    settings = with_deepspeed(
        zero_optimization={"stage": 2, "reduce_bucket_size": "5e8", "allgather_bucket_size": 2e8, "overlap_comm": None},
        gradient_predivide_factor="1e0",
    )
    zero = settings["zero_optimization"]
    assert (zero["reduce_bucket_size"], zero["allgather_bucket_size"], zero["overlap_comm"]) == (500_000_000, 2e8, None)
    assert isinstance(zero["reduce_bucket_size"], int)
    assert settings["gradient_predivide_factor"] == 1.0


@pytest.mark.parametrize(
    ("given", "ranks", "dtype", "meant"),
    [
        ({}, 1, "float32", {"stage": 0}),
        ({}, 1, "bfloat16", {"stage": 1}),
        ({"wall_clock_breakdown": True}, 2, "float32", {"stage": 1}),
        ({"zero_optimization": {}}, 1, "float32", {"stage": 1}),
        ({"zero_optimization": {"overlap_comm": True}}, 1, "float32", {"stage": 1, "overlap_comm": True}),
        ({"zero_optimization": {"stage": 0}}, 2, "bfloat16", {"stage": 0}),
    ],
)
def test_stage_1_is_the_default_but_on_one_rank_in_float32(given, ranks, dtype, meant):
    assert zero_optimization(check_deepspeed(given), ranks, dtype) == meant


def test_offloading_with_the_optimizer_of_the_project_is_allowed_where_it_is_asked_for():
    zero = {"stage": 2, "offload_optimizer": {"device": "cpu", "pin_memory": False}}
    assert with_deepspeed(zero_optimization=zero, zero_force_ds_cpu_optimizer=False)["zero_optimization"] == zero
    assert with_deepspeed(zero_optimization={"offload_optimizer": {"device": "none"}})
    assert check_deepspeed({"zero_optimization": {"stage": 3, "offload_param": {"device": "cpu"}}})


def fields(model):
    """The fields of a section of DeepSpeed's, by their names and aliases, with the kinds of their values."""
    kinds = {bool: "bool", int: "int", float: "float"}
    found = {}
    for name, field in model.model_fields.items():
        inner = next((one for one in typing.get_args(field.annotation) if one is not type(None)), field.annotation)
        simple = {"ZeroStageEnum": "int", "OffloadDeviceEnum": "text", "Path": "text"}
        kind = kinds.get(inner) or simple.get(inner.__name__, "section")
        found |= dict.fromkeys({name, field.alias or name}, kind)
    return found


def test_the_sections_have_the_keys_of_the_installed_deepspeed():
    from deepspeed.runtime.zero.config import DeepSpeedZeroConfig
    from deepspeed.runtime.zero.offload_config import (
        DeepSpeedZeroOffloadOptimizerConfig,
        DeepSpeedZeroOffloadParamConfig,
    )

    assert fields(DeepSpeedZeroConfig) == ZERO
    assert fields(DeepSpeedZeroOffloadParamConfig) == OFFLOAD["offload_param"]
    assert fields(DeepSpeedZeroOffloadOptimizerConfig) == OFFLOAD["offload_optimizer"]


ASKED = set()


class Keys:
    """The keys of settings, which note what they are asked for."""

    def __contains__(self, key):
        ASKED.add(key)
        return False


class Settings(dict):
    """Settings for DeepSpeed, which copies them, that note which keys it looks for."""

    def get(self, key, default=None):
        ASKED.add(key)
        return super().get(key, default)

    def __contains__(self, key):
        ASKED.add(key)
        return super().__contains__(key)

    def keys(self):
        return Keys()


def test_the_keys_at_the_top_are_those_that_the_installed_deepspeed_reads():
    from deepspeed.runtime import config

    config.DeepSpeedConfig(Settings(train_micro_batch_size_per_gpu=1, gradient_accumulation_steps=1))
    removed = set(config._REMOVED_TOP_LEVEL_CONFIG_KEYS)
    assert ASKED - removed == TOP | set(OWNED)
