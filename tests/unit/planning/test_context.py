"""The tokens of a prompt with its response, compared with the positions of each model."""

import json
import os
from types import SimpleNamespace

import pytest

from plan_table import job, plan_of
from refusals import refused
from scope.planning import inputs
from scope.planning.context import RANDOM_INIT, long_contexts, longest

FOLDERS = [
    {"max_position_embeddings": 100},
    {"model_type": "gpt2", "n_positions": 100},
    {"max_position_embeddings": 100, "rope_scaling": {"rope_type": "linear", "factor": 2.0}},
    {"max_position_embeddings": 100, "rope_scaling": {"type": "dynamic", "factor": 4.0}},
    {"max_position_embeddings": 100, "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}},
    {
        "max_position_embeddings": 100,
        "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 25},
    },
    {
        "max_position_embeddings": 100,
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 50,
        },
    },
    {"max_position_embeddings": 100, "rope_scaling": None},
    {"max_position_embeddings": 100, "sliding_window": 10, "use_sliding_window": True},
    {"max_position_embeddings": 100, "model_max_length": 150},
]
LENGTHS = [100, 100, 200, 400, 200, 100, 100, 100, 100, 150]


@pytest.fixture
def model(tmp_path):
    def write(name="model", **settings):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 100, **settings}))
        return {"path": str(folder), "random_init": None, "sft": None}

    return write


def plan(*models, **settings):
    models = dict(zip(("student", "teacher"), models, strict=False))
    sections = {
        "data": {"max_prompt_tokens": 40},
        "rollout": {"engine": "vllm", "max_tokens": 60},
        "evaluation": {"engine": "vllm", "max_tokens": 60},
    }
    return plan_of(models=models, **{**sections, **settings})


def check(plan):
    """What planning looks at for a whole experiment."""
    for name in plan.config.arms:
        arm = plan.arm(name)
        inputs.rollout_shared(plan, job(rollouts=arm.rollouts, seed=0, round=1, shard=0))
        inputs.rollout(plan, job(arm=name, seed=0, round=2, shard=0)) if arm.behaviour == "student" else None
        inputs.score(plan, job(arm=name, seed=0, round=2, shard=0)) if arm.scorer else None
    for policy in ("base", "teacher"):
        inputs.evaluated_model(plan, job(policy=policy))


@pytest.mark.parametrize(("settings", "length"), list(zip(FOLDERS, LENGTHS, strict=True)))
def test_the_length_follows_config_json(settings, length):
    context = longest(settings, "m/config.json")
    assert context
    assert context.tokens == length
    assert context.stated.endswith("in m/config.json")


def test_a_multimodal_model_has_the_length_of_its_text():
    context = longest({"max_position_embeddings": 7, "text_config": {"max_position_embeddings": 100}}, "f")
    assert context
    assert context.tokens == 100
    assert longest({"text_config": {}}, "f") is None


def test_layers_of_different_rope_share_a_factor():
    nested = {"full_attention": {"rope_type": "linear", "factor": 8.0}, "sliding_attention": {"rope_type": "default"}}
    context = longest({"max_position_embeddings": 100, "rope_parameters": nested}, "f")
    assert context
    assert context.tokens == 800
    scaled = longest({"model_type": "gemma3_text", "max_position_embeddings": 100, "rope_parameters": nested}, "f")
    assert scaled
    assert scaled.tokens == 100


@pytest.mark.real
@pytest.mark.parametrize(("settings", "length"), list(zip(FOLDERS, LENGTHS, strict=True)))
def test_vllm_derives_the_same_length(settings, length):
    from transformers import AutoConfig
    from vllm.config.model import _get_and_verify_max_len
    from vllm.transformers_utils.config import patch_rope_parameters
    from vllm.transformers_utils.model_arch_config_convertor import ModelArchConfigConvertorBase

    from model_folders import SHAPE

    kind = settings.get("model_type", "qwen3")
    shape = {} if kind == "gpt2" else SHAPE
    config = AutoConfig.for_model(kind, **{**shape, **{k: v for k, v in settings.items() if k != "model_type"}})
    patch_rope_parameters(config)
    derived = ModelArchConfigConvertorBase(config, config).derive_max_model_len_and_key()
    arch = SimpleNamespace(derived_max_model_len_and_key=derived)
    assert _get_and_verify_max_len(config, arch, None, length, False, None) == length
    with pytest.raises(ValueError, match="greater than the derived"):
        _get_and_verify_max_len(config, arch, None, length + 1, False, None)


def test_what_fits_exactly_is_accepted(model):
    fits = plan(model("s"), model("t"))
    check(fits)
    assert long_contexts(fits) == []


@pytest.mark.parametrize(
    ("section", "keys"),
    [
        ({"rollout": {"engine": "vllm", "max_tokens": 61}}, "data.max_prompt_tokens + rollout.max_tokens is 101"),
        ({"evaluation": {"engine": "vllm", "max_tokens": 61}}, "data.max_prompt_tokens + evaluation.max_tokens is 101"),
        ({"data": {"max_prompt_tokens": 41}}, "is 101 tokens"),
    ],
)
def test_a_length_that_vllm_would_refuse_is_refused(model, section, keys):
    with refused("too-many-tokens", "models.student", keys, "max_position_embeddings 100", "config.json"):
        check(plan(model("s"), model("t"), **section))


def test_evaluations_of_the_teacher_and_its_rollouts_count(model):
    small, large = model("t"), model("s", max_position_embeddings=1000)
    with refused("too-many-tokens", "models.teacher", "evaluation.max_tokens is 101"):
        check(plan(large, small, evaluation={"engine": "vllm", "max_tokens": 61}))
    long = {"rollout": {"engine": "vllm", "max_tokens": 61}}
    check(plan(large, small, **long))
    with refused("too-many-tokens", "models.teacher", "rollout.max_tokens is 101"):
        check(plan(large, small, arms=["kd"], **long))


def test_a_managed_teacher_needs_one_more_token(model):
    teacher = {"backend": "managed", "server": {"model": "t"}}
    cold = {"rollout": {"engine": "vllm", "max_tokens": 60, "temperature": 1.0}, "arms": ["opd"]}
    with refused("too-many-tokens", "models.teacher", "rollout.max_tokens + 1 is 101"):
        check(plan(model("s"), model("t"), teacher=teacher, **cold))
    check(plan(model("s"), model("t"), teacher={**teacher, "managed": {"max_model_len": 100}}, **cold))


def test_a_round_that_is_too_long_stops_no_evaluation(model):
    long = plan(model("s"), model("t"), rollout={"engine": "vllm", "max_tokens": 1000})
    assert inputs.evaluated_model(long, job(policy="base")) == long.layout.shared.model("student")


def test_transformers_computes_on_so_it_is_a_warning(model):
    settings = {"rollout": {"engine": "transformers", "max_tokens": 61}}
    long = plan(model("s"), model("t"), **settings)
    check(long)
    lines = long_contexts(long)
    assert [line.split(":")[0] for line in lines] == ["models.student", "models.teacher"]
    assert all("101 tokens, but the model takes 100" in line for line in lines)


def test_a_length_that_vllm_is_allowed_to_exceed_is_not_refused(model, monkeypatch):
    monkeypatch.setitem(os.environ, "VLLM_ALLOW_LONG_MAX_MODEL_LEN", "1")
    check(plan(model("s"), model("t"), rollout={"engine": "vllm", "max_tokens": 61}))


def test_a_model_without_the_key_is_not_refused(model):
    check(plan(model("s", max_position_embeddings=None), model("t"), rollout={"engine": "vllm", "max_tokens": 61}))


@pytest.mark.real
def test_random_models_have_the_positions_that_they_are_made_with():
    from scope.models.random_init import make_model
    from scope.models.recipe import ModelShape
    from scope.models.tokenizers import character_tokenizer

    shape = ModelShape(hidden_size=16, intermediate_size=16, layers=1, heads=2, kv_heads=1, head_dim=8, seed=0)
    assert make_model(shape, character_tokenizer()).config.max_position_embeddings == RANDOM_INIT
    check(plan(rollout={"engine": "vllm", "max_tokens": RANDOM_INIT - 40}))
    with refused("too-many-tokens", "models.student", "random_init"):
        check(plan(rollout={"engine": "vllm", "max_tokens": RANDOM_INIT}))
