"""Attention without a mask is the attention with one: grouped heads, windows, several sequences, gradients."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.testing import assert_close
from transformers import AttentionInterface

from architectures import random_model
from scope.models import packed_attention as packed
from scope.models import packed_forward
from scope.models.packed_attention import OtherAttention, packed_attention
from scope.models.packed_forward import pack, response_log_probabilities
from scope.models.pair import Pair

LENGTHS = [5, 1, 17, 40]
HEADS, DIM = 4, 8


def query_key_value(kv_heads, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    shapes = [(1, heads, sum(LENGTHS), DIM) for heads in (HEADS, kv_heads, kv_heads)]
    return [torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for shape in shapes]


def ends():
    return torch.tensor([0, *LENGTHS]).cumsum(0).to(torch.int32)


def with_a_mask(query, key, value, window, scale):
    """A dense mask of all tokens x all tokens."""
    sequence = torch.repeat_interleave(torch.arange(len(LENGTHS)), torch.tensor(LENGTHS))
    at = torch.arange(sum(LENGTHS))
    age = at[:, None] - at[None]
    mask = (sequence[:, None] == sequence[None]) & (age >= 0) & (age < (window or 10**6))
    key, value = (each.repeat_interleave(HEADS // each.shape[1], dim=1) for each in (key, value))
    return scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale).transpose(1, 2)


@pytest.mark.parametrize("kv_heads", [4, 2, 1])
@pytest.mark.parametrize("window", [None, 1, 6, 17, 100])
@pytest.mark.parametrize("scale", [None, 0.3])
def test_values_and_gradients_are_those_of_a_dense_mask(kv_heads, window, scale):
    given, expected_of = query_key_value(kv_heads), query_key_value(kv_heads)
    options = {"scaling": scale, "sliding_window": window, "cu_seq_lens_q": ends()}
    attended, _ = packed_attention(torch.nn.Module(), *given, None, **options)
    expected = with_a_mask(*expected_of, window, scale)
    assert_close(attended, expected)
    weights = torch.randn(attended.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for loss in ((attended * weights).sum(), (expected * weights).sum()):
        loss.backward()
    for one, other in zip(given, expected_of, strict=True):
        assert_close(one.grad, other.grad)


def test_rows_of_a_batch_are_a_sequence_each():
    query, key, value = (torch.cat([each, each.flip(2)]) for each in query_key_value(2))
    attended, _ = packed_attention(torch.nn.Module(), query, key, value, None)
    for row in range(2):
        one, _ = packed_attention(torch.nn.Module(), query[row, None], key[row, None], value[row, None], None)
        assert_close(attended[row], one[0])


@pytest.mark.parametrize("window", [None, 16])
def test_no_mask_is_larger_than_a_window_by_two(window, monkeypatch):
    masks, plain = [], scaled_dot_product_attention

    def watched(query, key, value, attn_mask=None, **options):
        masks.append(0 if attn_mask is None else attn_mask.numel())
        return plain(query, key, value, attn_mask, **options)

    monkeypatch.setattr(packed, "scaled_dot_product_attention", watched)
    packed_attention(torch.nn.Module(), *query_key_value(2), None, sliding_window=window, cu_seq_lens_q=ends())
    assert max(masks) <= (2 * window * window if window else 0)


@pytest.mark.parametrize(
    "terms",
    [
        {"softcap": 50.0},
        {"s_aux": torch.zeros(4)},
        {"position_bias": torch.zeros(1)},
        {"dropout": 0.1},
        {"is_causal": False},
    ],
    ids=lambda terms: next(iter(terms)),
)
def test_an_attention_with_further_terms_is_another_one(terms):
    with pytest.raises(OtherAttention):
        packed_attention(torch.nn.Module(), *query_key_value(2), None, cu_seq_lens_q=ends(), **terms)


@pytest.mark.parametrize("window", [None, 16])
def test_the_kernel_gets_tokens_first_both_ends_and_the_window(window, monkeypatch):
    """torch.nn.attention.varlen: (N, heads, D), (-1, 0) is causal, (W, 0) sees W tokens before."""
    calls = []

    def kernel(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, **options):
        calls.append((query.shape, key.shape, value.shape, max_q, max_k, options))
        assert cu_seq_q is cu_seq_k
        assert all(each.is_contiguous() for each in (query, key, value))
        return query

    monkeypatch.setattr(packed, "varlen_attn", kernel)
    attended = packed._kernel(*query_key_value(2, torch.bfloat16), 0.3, window, ends())
    tokens = sum(LENGTHS)
    assert attended.shape == (1, tokens, HEADS, DIM)
    reach = (-1, 0) if window is None else (15, 0)
    options = {"scale": 0.3, "window_size": reach, "enable_gqa": True}
    assert calls == [((tokens, HEADS, DIM), (tokens, 2, DIM), (tokens, 2, DIM), 40, 40, options)]


@pytest.mark.parametrize(
    ("device", "dtype", "head", "capability", "has"),
    [
        ("cuda", torch.bfloat16, 64, (9, 0), True),
        ("cuda", torch.float16, 256, (8, 0), True),
        ("cuda", torch.bfloat16, 264, (9, 0), False),
        ("cuda", torch.bfloat16, 60, (9, 0), False),
        ("cuda", torch.float32, 64, (9, 0), False),
        ("cuda", torch.bfloat16, 64, (7, 5), False),
        ("cpu", torch.bfloat16, 64, None, False),
    ],
)
def test_the_kernel_is_for_half_precision_on_cards_that_have_it(device, dtype, head, capability, has, monkeypatch):
    """PyTorch's flash attention: float16 and bfloat16, D a multiple of 8 up to 256, compute capability 8.0."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda asked: capability)
    assert packed._has_kernel(torch.device(device), dtype, head) == has


def test_the_length_of_the_longest_pair_comes_with_every_pack(monkeypatch):
    """Read from the ends on a GPU, it would make every layer wait."""
    seen = []

    def attention(*given, max_length_q=None, **more):
        seen.append(max_length_q)
        return packed_attention(*given, max_length_q=max_length_q, **more)

    AttentionInterface.register("seen", attention)
    model = random_model("qwen3")
    monkeypatch.setattr(packed_forward, "PACKED", "seen")
    model.set_attn_implementation("seen")
    pairs = [Pair([3, 4], [5, 6, 7]), Pair([3], [4, 5])]
    response_log_probabilities(model, pack(pairs, torch.device("cpu")), 1.0)
    assert seen == [5] * model.config.num_hidden_layers
