"""What planning knows of LoRA before a model is loaded: trained parameters, targets, disk and inputs."""

from types import SimpleNamespace

import pytest

from architectures import random_model
from disk_worlds import projected, world
from model_folders import model_folder
from refusals import refused
from scope.artifacts.weight_headers import matrices_in
from scope.config.experiment import arm_config
from scope.models.load import load_model
from scope.models.random_init import make_model
from scope.models.recipe import ModelShape
from scope.models.tokenizers import character_tokenizer
from scope.planning import inputs
from scope.planning.adapters import check_targets, trained_parameters
from scope.planning.plan import make_plan
from scope.update.lora import add_adapters
from scope.update.recipe import LoraSettings

LORA = {"rank": 4, "alpha": 8}


def config_of(targets="all-linear", path=None):
    lora = {"update": {"lora": {**LORA, "targets": targets}}}
    student = {"models": {"student": {"path": str(path), "random_init": None}}} if path else {}
    return arm_config(world(**lora, **student), "scope")


def trained(model, targets):
    add_adapters(model, LoraSettings(**LORA, targets=targets), seed=0)
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


@pytest.mark.parametrize("targets", ["all-linear", ["q_proj", "v_proj"]], ids=str)
@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma3_text"])
def test_parameters_are_counted_from_headers_as_they_are_trained(kind, targets, tmp_path):
    folder = model_folder(tmp_path / "model", kind, max_shard_size="20KB")
    expected = trained(load_model(folder, "float32"), targets)
    assert trained_parameters(config_of(targets, folder), 10**9) == expected


def test_a_linear_layer_beside_the_numbered_ones_is_a_target(tmp_path):
    """OPT-350m projects its embeddings, which are narrower than its layers."""
    random_model("opt", word_embed_proj_dim=16).save_pretrained(tmp_path)
    for targets in ("all-linear", ["project_in", "q_proj"]):
        config = config_of(targets, tmp_path)
        check_targets(config)
        assert trained_parameters(config, 10**9) == trained(load_model(tmp_path, "float32"), targets)


def test_those_of_a_model_to_make_are_counted_from_its_shape():
    config = config_of()
    shape = config.models.student.random_init.model_dump()
    model = make_model(ModelShape(**shape), character_tokenizer())
    assert trained_parameters(config, 10**9) == trained(model, "all-linear")


def test_without_lora_or_headers_all_parameters_count(tmp_path):
    assert trained_parameters(arm_config(world(), "scope"), 1234) == 1234
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    assert trained_parameters(config_of(path=tmp_path), 1234) == 1234
    check_targets(config_of(["anything"], tmp_path))


def test_matrices_have_the_names_of_their_layers(tmp_path):
    found = matrices_in(str(model_folder(tmp_path / "model", vocab_size=300)))
    assert found["model.layers.1.mlp.down_proj"] == (32, 48)
    assert found["model.embed_tokens"] == (300, 32)
    assert "model.norm" not in found


@pytest.mark.parametrize("target", ["q_prj", "lm_head", "embed_tokens", "input_layernorm"])
def test_a_target_that_the_student_lacks_is_refused_before_the_first_job(target, tmp_path):
    folder = model_folder(tmp_path / "model")
    raw = world(
        update={"lora": {"targets": ["q_proj", target]}}, models={"student": {"path": str(folder), "random_init": None}}
    )
    plan = make_plan(raw, say=lambda line: None)
    with refused("unknown-target", repr(target), "down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj"):
        inputs.update(plan, SimpleNamespace(arm="scope", seed=0, round=1))


def test_every_update_of_adapters_starts_from_the_student():
    plan = make_plan(world(arms=["scope", "scope_lora"], rounds=2), say=lambda line: None)
    student, state = plan.layout.shared.model("student"), plan.layout.round("scope_lora", 0, 1).state
    for arm, round_, base in (("scope", 1, []), ("scope_lora", 1, student), ("scope_lora", 2, student)):
        assert inputs.update(plan, SimpleNamespace(arm=arm, seed=0, round=round_))["base"] == base
    assert inputs.update(plan, SimpleNamespace(arm="scope_lora", seed=0, round=2))["state"] == state


def test_a_state_of_adapters_is_projected_as_small_as_it_is():
    whole, both = projected("scope"), projected("scope", "scope_lora")
    config = arm_config(world(), "scope_lora")
    small = trained_parameters(config, 10**9) * 12
    assert both.per_state == whole.per_state
    assert both.states - whole.states == pytest.approx(
        whole.kept_states * small, rel=0.01, abs=whole.kept_states * 10_001
    )
    assert both.kept_states == 2 * whole.kept_states
    assert both.policies == 2 * whole.policies
