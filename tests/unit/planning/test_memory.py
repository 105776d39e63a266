"""The memory of one process, in bytes, by hand for a tiny model."""

import pytest

from scope.planning.memory import (
    CPU,
    CUDA,
    Pass,
    Training,
    cache_bytes,
    gradient_bytes,
    score_bytes,
    state_bytes,
    update_bytes,
)
from scope.planning.model_shape import ModelShape, shape_of

SETTINGS = {"model_type": "llama", "hidden_size": 4, "intermediate_size": 8, "num_hidden_layers": 3,
            "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 10}  # fmt: skip
OFFLOADED = {"offload_optimizer": {"device": "cpu"}}


def shape(count=1000, **changes):
    found = shape_of({**SETTINGS, **changes}, count)
    assert isinstance(found, ModelShape)
    return found


def training(dtype="bfloat16", ranks=4, tokens=5, checkpointing=False, attention="auto", **zero):
    return Training(dtype, ranks, {"stage": 1, **zero}, Pass(tokens, attention), checkpointing)


@pytest.mark.parametrize(
    ("dtype", "zero", "size"),
    [
        ("bfloat16", {"stage": 0}, 2_000 + 4_000 + 8_000),
        ("bfloat16", {"stage": 1}, 2_000 + 1_000 + 2_000),
        ("bfloat16", {"stage": 2}, 2_000 + 1_000 + 2_000),
        ("bfloat16", {"stage": 3}, 500 + 1_000 + 2_000),
        ("float32", {"stage": 0}, 4_000 + 8_000),
        ("float32", {"stage": 1}, 4_000 + 1_000 + 2_000),
        ("float32", {"stage": 3}, 1_000 + 1_000 + 2_000),
        ("bfloat16", {"stage": 1, **OFFLOADED}, 2_000),
        ("bfloat16", {"stage": 3, **OFFLOADED, "offload_param": {"device": "nvme"}}, 0),
        ("bfloat16", {"stage": 2, "offload_optimizer": {"device": "none"}}, 5_000),
    ],
)
def test_weights_and_states_of_a_thousand_parameters_on_four_ranks(dtype, zero, size):
    assert state_bytes(1000, training(dtype, **zero)) == size


@pytest.mark.parametrize(
    ("dtype", "stage", "size"),
    [
        ("bfloat16", 0, 2_000),
        ("bfloat16", 1, 2_000 + 4_000),  # and their sum in float32
        ("bfloat16", 2, 1_000),
        ("bfloat16", 3, 1_000 + 2_000),  # and gathered weights
        ("float32", 0, 4_000),
        ("float32", 1, 4_000),
        ("float32", 2, 2_000),
        ("float32", 3, 1_000 + 4_000),
    ],
)
def test_gradients_of_a_thousand_parameters_on_four_ranks(dtype, stage, size):
    assert gradient_bytes(1000, training(dtype, stage=stage), CPU) == size


def test_a_gpu_has_the_buffer_of_gradients_whether_it_is_filled_or_not():
    of = lambda **zero: gradient_bytes(1000, training(**zero), CUDA)  # noqa: E731
    assert of(stage=1) == 6_000
    assert of(stage=2) == 1_000 + 2 * 500_000_000
    assert of(stage=2, reduce_bucket_size=700) == 1_000 + 1_400
    assert of(stage=2, reduce_bucket_size=700, overlap_comm=True) == 1_000 + 2_800


def test_layers_keep_so_many_bytes_for_each_token():
    """Two norms of 4 values: 4 + 2 + 2 bytes; q and output of 4, k and v of 2; two sums; four times 8 of the MLP."""
    layer = 2 * 4 * (4 + 2 + 2) + 2 * (4 + 4 + 2 + 2) + 2 * 4 + 4 * 2 * 8
    assert update_bytes(shape(), training()).activations == 3 * 5 * layer
    normed = layer + (4 + 2) * (4 + 2)
    assert update_bytes(shape(model_type="qwen3"), training()).activations == 3 * 5 * normed


def test_with_checkpointing_layers_keep_their_input_and_one_is_computed_again():
    plain, again = (update_bytes(shape(), training(checkpointing=on)) for on in (False, True))
    assert again.activations == 3 * 5 * 2 * 4
    assert again.layer - plain.layer == plain.activations / 3
    assert again.states == plain.states


def test_only_attention_with_a_mask_grows_with_the_square_of_tokens():
    def growth(attention, step=100, **changes):
        one, two, three = (
            update_bytes(shape(**changes), training(tokens=n * step, attention=attention)).activations
            for n in (1, 2, 3)
        )
        return three - 2 * two + one

    assert growth("auto") == 0
    assert growth("flash_attention_2") == 0
    assert growth("auto", model_type="gemma2") == 3 * 2 * 2 * 100**2
    assert growth("sdpa") == 3 * 2 * 2 * 100**2
    assert growth("sdpa", 2_000) == 0, "a row that is longer than packs with a mask needs none"
    assert growth("eager") == 3 * 2 * (4 + 2) * 2 * 100**2


def test_logits_take_no_more_from_a_chunk_on():
    """10 bytes for a logit of a chunk in bfloat16, and for each token the last norm and hidden states."""
    wide = shape(vocab_size=150_000)
    short, long = (update_bytes(wide, training(tokens=n)).head for n in (10_000, 20_000))
    assert long - short == 10_000 * 4 * (4 + 4 * 2)
    weight = 150_000 * 4 * (4 + 2 + 2)
    assert short - weight - 10_000 * 4 * 12 == 10 * 2**28


def test_the_exact_kl_takes_the_teachers_weights_and_hidden_states():
    alone, taught = (update_bytes(shape(), training(), teacher) for teacher in (None, shape(3000)))
    assert taught.states - alone.states == 2 * 3000 + 2 * 5 * 4
    assert taught.head > alone.head


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_more_of_anything_takes_no_less_and_more_ranks_take_no_more(stage, dtype):
    def peak(count=10**9, ranks=4, tokens=8192, checkpointing=False, **changes):
        model = shape(count, **{"hidden_size": 2048, "intermediate_size": 8192, "vocab_size": 150_000, **changes})
        return update_bytes(model, training(dtype, ranks, tokens, checkpointing, stage=stage)).peak

    assert peak(count=2 * 10**9) > peak()
    assert peak(tokens=16384) > peak()
    assert peak(num_hidden_layers=30) > peak()
    assert peak(vocab_size=300_000) >= peak()
    assert peak(ranks=8) <= peak()
    assert peak(num_hidden_layers=30, checkpointing=True) < peak(num_hidden_layers=30)


def test_a_score_takes_the_weights_and_one_layer_and_a_sequence_its_keys_and_values():
    assert score_bytes(shape(10**6), Pass(5), "bfloat16") > 2 * 10**6
    assert score_bytes(shape(num_hidden_layers=30), Pass(500), "bfloat16") == score_bytes(
        shape(), Pass(500), "bfloat16"
    )
    assert cache_bytes(shape(), 100, "bfloat16") == 2 * 2 * 3 * 2 * 100


@pytest.mark.parametrize("settings", [{}, {"hidden_size": 4}, {**SETTINGS, "vocab_size": "ten"}])
def test_without_sizes_in_config_json_the_parameters_are_all_that_is_known(settings):
    assert shape_of(settings, 1000) == 1000


def test_sizes_are_read_by_the_names_that_architectures_give_them():
    gpt2 = shape_of({"model_type": "gpt2", "n_embd": 8, "n_layer": 2, "n_head": 2, "vocab_size": 5}, 9)
    assert isinstance(gpt2, ModelShape)
    assert (gpt2.hidden, gpt2.layers, gpt2.intermediate, gpt2.keys) == (8, 2, 32, 8)
    nested = shape_of({"text_config": SETTINGS}, 9)
    assert isinstance(nested, ModelShape)
    assert nested.intermediate == 8
    experts = {"num_experts_per_tok": 2, "moe_intermediate_size": 3}
    assert shape(**experts).intermediate == 6
