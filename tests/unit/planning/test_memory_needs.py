"""What a run says of a GPU's memory, and what it refuses."""

import json
import re
import struct
from types import SimpleNamespace

import pytest

from disk_worlds import world
from refusals import refused
from scope.planning import inputs
from scope.planning.memory_needs import memory_lines, needs
from scope.planning.plan import make_plan

QWEN = {"model_type": "qwen2", "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28,
        "num_attention_heads": 12, "num_key_value_heads": 2, "vocab_size": 151_936}  # fmt: skip
LONG = {"rollout": {"max_tokens": 12_288}, "data": {"max_prompt_tokens": 4_096}}


def folder(path, settings=QWEN, parameters=1_777_088_000, size=0):
    """A model folder whose weights are a hole, of `size` bytes."""
    path.mkdir()
    (path / "config.json").write_text(json.dumps(settings))
    header = json.dumps({"w": {"dtype": "BF16", "shape": [parameters], "data_offsets": [0, 2 * parameters]}}).encode()
    with open(path / "model.safetensors", "wb") as weights:
        weights.write(struct.pack("<Q", len(header)) + header)
        weights.truncate(size or weights.tell())
    return {"path": str(path), "random_init": None, "sft": None}


@pytest.fixture
def plan(tmp_path):
    model = folder(tmp_path / "model")

    def make(limit=None, update=None, models=None, **sections):
        update = {"micro_batch_tokens": 16_384, "ranks": 16, "checkpoint_activations": True} | (update or {})
        models = {"dtype": "bfloat16", "student": model, "teacher": model} | (models or {})
        sections = {"teacher": {"pack_tokens": 16_384}, **LONG, **sections}
        return make_plan(world(gpu_memory_gb=limit, update=update, models=models, **sections), say=lambda line: None)

    return make


def start(plan):
    """Plan a round, as Snakemake does."""
    arm = plan.arm("scope")
    inputs.rollout_shared(plan, SimpleNamespace(rollouts=arm.rollouts, seed=0, round=1, shard=0))
    inputs.score(plan, SimpleNamespace(arm="scope", seed=0, round=2, shard=0))
    inputs.update(plan, SimpleNamespace(arm="scope", seed=0, round=1))


def needs_of(plan, stage):
    (need,) = (need for need in needs(plan, plan.arm("scope").config) if need.stage == stage)
    return need


def test_without_a_budget_micro_batches_are_those_of_a_gpu(plan):
    given, smaller = ({"micro_batch_tokens": tokens} for tokens in (16_384, 8_192))
    short = {"rollout": {"max_tokens": 64}, "data": {"max_prompt_tokens": 64}}
    lines = [
        memory_lines(plan(80, update=update, **short)) for update in ({"micro_batch_tokens": None}, given, smaller)
    ]
    assert lines[0] == lines[1] != lines[2]


def test_one_line_names_every_stage(plan):
    (line,) = memory_lines(plan(80))
    assert re.fullmatch(
        r"memory per GPU: about update \d+ GB, score \S+ GB, rollout 3\.6 GB \+ KV cache of 470 MB per 16,384-token "
        r"sequence, evaluate 3\.6 GB \+ KV cache of \d+ MB per [\d,]+-token sequence; of 80 GB",
        line,
    )
    assert memory_lines(plan())[0].endswith("(set gpu_memory_gb to have it checked)")


@pytest.mark.parametrize(("method", "is_scored"), [("scope", True), ("opd", True), ("grpo", True), ("kd", False)])
def test_every_method_has_a_line(plan, method, is_scored):
    """GRPO's scorer is the reference, which is the student before training."""
    objective = {"method": method, **({"kl_coefficient": 0.1} if method == "grpo" else {})}
    (line,) = memory_lines(plan(80, objective=objective))
    assert ("score" in line) == is_scored


def test_what_may_not_fit_is_a_warning_with_the_keys_to_change(plan):
    close = plan(78, {"checkpoint_activations": False})
    _, warning = memory_lines(close)
    assert "update may not fit a GPU with 78 GB" in warning
    assert "(update.checkpoint_activations: true)" in warning
    assert "beside about 1.5 GB of CUDA" in warning
    start(close)


CHANGES = {
    "update.checkpoint_activations: true": {"checkpoint_activations": True},
    "update.micro_batch_tokens: 16384": {"micro_batch_tokens": 16_384},
    "update.lora: {rank: 16}": {"lora": {"rank": 16}},
    "update.deepspeed.zero_optimization.stage: 2": {"deepspeed": {"zero_optimization": {"stage": 2}}},
    "update.deepspeed.zero_optimization.stage: 3": {"deepspeed": {"zero_optimization": {"stage": 3}}},
    "update.deepspeed.zero_optimization.offload_optimizer: {device: cpu}": {
        "deepspeed": {
            "zero_optimization": {"offload_optimizer": {"device": "cpu"}},
            "zero_force_ds_cpu_optimizer": False,
        }
    },
    "update.ranks: 4": {"ranks": 4},
}


def remedies(planned):
    """{change: what it leaves, as a text} of an update."""
    found = re.findall(
        r"([\d.]+ [MGT]B) \(([^()]+?)(?:, the tokens of the longest row)?\)", needs_of(planned, "update").remedy()
    )
    return {change: size for size, change in found}


@pytest.mark.parametrize("update", [{"checkpoint_activations": False, "micro_batch_tokens": 32_768},
                                    {"ranks": 2}, {"ranks": 2, "lora": {"rank": 16}}], ids=str)  # fmt: skip
def test_each_change_of_a_key_leaves_what_a_run_with_it_takes(plan, update):
    found = remedies(plan(update=update))
    assert 1 <= len(found) <= 4
    for change, size in found.items():
        assert needs_of(plan(update=update | CHANGES[change]), "update").text == f"update {size}"


def test_adapters_and_the_sampled_kl_are_named_where_they_help(plan):
    """Of models to make, whose matrices are known, unlike those of the hole."""
    shape = {"layers": 8, "hidden_size": 1024, "intermediate_size": 4096, "heads": 8, "kv_heads": 8, "head_dim": 128}
    made = {"path": None, "random_init": shape, "sft": None}
    short = {"rollout": {"max_tokens": 64}, "data": {"max_prompt_tokens": 64}, "objective": {"kl": "full"}}
    update, models = {"ranks": 1, "micro_batch_tokens": 128}, {"student": made, "teacher": made}
    found = remedies(plan(update=update, models=models, **short))
    assert {"update.lora: {rank: 16}", "objective.kl: sampled"} <= set(found)
    with_lora = plan(update=update | CHANGES["update.lora: {rank: 16}"], models=models, **short)
    assert needs_of(with_lora, "update").text == f"update {found['update.lora: {rank: 16}']}"


def test_a_change_that_needs_more_memory_is_not_named(plan, tmp_path):
    """A small model in float32 on one rank: each ZeRO stage divides nothing, and has a buffer."""
    small = folder(tmp_path / "small", QWEN | {"hidden_size": 64, "num_hidden_layers": 2}, 10**7)
    models = {"dtype": "float32", "student": small, "teacher": small}
    found = remedies(plan(update={"ranks": 1, "checkpoint_activations": False}, models=models))
    assert "update.checkpoint_activations: true" in found
    assert not any("zero_optimization" in change for change in found)
    assert needs_of(plan(update={"ranks": 1}, models=models), "update").remedy().startswith("no single change")


@pytest.mark.parametrize("named", ["update.checkpoint_activations: true", "GB (", "gpu_memory_gb"])
def test_an_update_beyond_the_error_is_refused_with_the_keys_to_change(plan, named):
    with refused("too-little-memory", "update", "24 GB", named):
        start(plan(24, {"checkpoint_activations": False}))


def test_a_score_that_cannot_fit_is_refused(plan, tmp_path):
    teacher = folder(tmp_path / "teacher", QWEN | {"hidden_size": 8192, "num_hidden_layers": 80}, 70 * 10**9)
    with refused("too-little-memory", "score", "teacher.pack_tokens", "80 GB"):
        start(plan(80, models={"teacher": teacher}))


def test_a_rollout_that_vllm_cannot_hold_is_refused(plan, tmp_path):
    student = folder(tmp_path / "student", QWEN | {"num_key_value_heads": 12}, 1_777_088_000)
    with refused("too-little-memory", "rollout", "rollout.max_tokens"):
        start(plan(5, models={"student": student}))


def test_an_evaluation_that_vllm_cannot_hold_is_refused(plan, tmp_path):
    planned = plan(80, models={"teacher": folder(tmp_path / "teacher", QWEN, 70 * 10**9)})
    inputs.evaluated_model(planned, SimpleNamespace(policy="base"))
    with refused("too-little-memory", "evaluate", "evaluation.max_tokens", "140 GB"):
        inputs.evaluated_model(planned, SimpleNamespace(policy="teacher"))


@pytest.mark.parametrize(
    "settings",
    [{"model_type": "deepseek_v3"}, {"model_type": "jamba"}, {"sliding_window": 512, "use_sliding_window": True}],
    ids=["latent attention", "few layers with attention", "windows"],
)
def test_a_cache_that_may_be_smaller_than_keys_and_values_of_all_layers_refuses_nothing(settings, plan, tmp_path):
    """At 4.6 GB there is room for 3.6 GB of weights, and not for 2.8 GB of cache."""
    wide = QWEN | {"num_key_value_heads": 12}
    for kind, holds in (({}, False), (settings, True)):
        student = folder(tmp_path / f"{holds}", wide | kind, 1_777_088_000)
        shared = plan(4.6, models={"student": student})
        job = SimpleNamespace(rollouts=shared.arm("scope").rollouts, seed=0, round=1, shard=0)
        if holds:
            inputs.rollout_shared(shared, job)
        else:
            with refused("too-little-memory", "rollout"):
                inputs.rollout_shared(shared, job)


def test_quantized_weights_take_the_bytes_of_their_files(plan, tmp_path):
    """In an unknown architecture, no more than if each number had 4 bytes."""
    quantized = {"quantization_config": {"quant_method": "fp8"}}
    teacher = folder(tmp_path / "teacher", QWEN | quantized, 3_554_176_000, size=3_554_176_000)
    assert "weights 3.6 GB" in needs_of(plan(80, models={"teacher": teacher}), "score").parts
    bare = folder(tmp_path / "bare", quantized, 10**9, size=10**9)
    assert needs_of(plan(80, models={"teacher": bare}), "score").certain == 2 * 10**9 // 4


def test_without_a_stated_size_nothing_is_refused(plan):
    start(plan(None, {"checkpoint_activations": False}))


def test_of_an_unknown_architecture_only_what_is_certain_is_refused(plan, tmp_path):
    other = folder(tmp_path / "other", QWEN | {"model_type": "novel"})
    start(plan(24, {"checkpoint_activations": False}, models={"student": other, "teacher": other}))
    bare = folder(tmp_path / "bare", {})
    planned = plan(24, models={"student": bare, "teacher": bare})
    assert "update more than 4.9 GB, score more than 3.6 GB, rollout more than 3.6 GB" in memory_lines(planned)[0]
    start(planned)
    with refused("too-little-memory", "update"):
        inputs.update(plan(4, models={"student": bare, "teacher": bare}), SimpleNamespace(arm="scope", seed=0, round=1))


def test_the_exact_kl_needs_more_for_the_teacher(plan):
    sampled, full = (
        float(re.findall(r"update (\d+) GB", memory_lines(plan(objective={"kl": kl}))[0])[0])
        for kl in ("sampled", "full")
    )
    assert full > sampled + 3
