"""Model FLOPs of a training step, beside those that torch counts."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoConfig, AutoModelForCausalLM

from architectures import COMMON
from scope.update.model_flops import DENSE, DenseDecoder, dense_decoder

TOKENS = 48
OWN_KEYS = {
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 512},
    "opt": {"ffn_dim": 64, "word_embed_proj_dim": 32, "dropout": 0.0},
}


def made(kind, **more):
    torch.manual_seed(0)
    shape = COMMON | OWN_KEYS.get(kind, {}) | more
    return AutoModelForCausalLM.from_config(
        AutoConfig.for_model(kind, **shape, attn_implementation="eager"), dtype=torch.float32
    )


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kind", DENSE)
def test_the_flops_are_those_of_the_matrix_products_of_both_passes(kind, tied):
    """Eager attention multiplies all pairs of tokens, T^2 in place of T (T + 1) / 2; N counts norms too."""
    model = made(kind, tie_word_embeddings=tied)
    decoder = dense_decoder(model)
    ids = torch.randint(2, 60, (1, TOKENS))
    with FlopCounterMode(display=False) as counter:
        model(input_ids=ids, labels=ids).loss.backward()
    unseen = TOKENS**2 - TOKENS * (TOKENS + 1) // 2
    expected = decoder.training_flops([TOKENS]) + 12 * decoder.queries * len(decoder.windows) * unseen
    assert counter.get_total_flops() == pytest.approx(expected, rel=0.05)


def test_the_flops_of_rows_by_hand():
    """6 N of 3 + 5 tokens, and 12 Q for each pair: 6 and 15 without a window, 5 and 9 with one of 2 tokens."""
    decoder = DenseDecoder(parameters=1000, frozen=0, queries=64, windows=(None, 2))
    assert decoder.training_flops([3, 5]) == 6 * 1000 * 8 + 12 * 64 * (6 + 15 + 5 + 9)
    adapted = DenseDecoder(parameters=1000, frozen=900, queries=64, windows=(None, 2))
    assert decoder.training_flops([3, 5]) - adapted.training_flops([3, 5]) == 2 * 900 * 8  # (6 N - 2 M) a token
    assert decoder.training_flops([5, 3, 5]) == decoder.training_flops([3]) + 2 * decoder.training_flops([5])


def test_windows_are_those_of_the_layers():
    some = dense_decoder(made("gemma3_text", sliding_window=8, layer_types=["sliding_attention", "full_attention"]))
    assert some.windows == (8, None)
    assert dense_decoder(made("mistral", sliding_window=8)).windows == (8, 8)
    assert dense_decoder(made("qwen2", sliding_window=8, use_sliding_window=False)).windows == (None, None)


@pytest.mark.parametrize(("kind", "more"), [("mixtral", {"num_local_experts": 4}), ("mamba", {"state_size": 8})])
def test_other_architectures_have_no_formula(kind, more):
    assert dense_decoder(made(kind, **more)) is None
