"""Attention of packed rows without a mask: a kernel for sequences of any length, or one sequence after another.

transformers calls it by the name PACKED. Where a pack ends its pairs comes with the call, as for its flash attention:
`cu_seq_lens_q`, (S + 1,) int32, the first token of each of S sequences, and the end; `max_length_q`, the length of the
longest. Without them, every row of the batch is one sequence. Attention is causal. Shapes: B rows, N tokens of a row,
Hq and Hk heads of queries and keys, D of each.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention.varlen import varlen_attn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

PACKED = "scope_packed"
UNKNOWN = ("softcap", "s_aux", "position_bias", "sinks")
"""Terms of some architectures' attention that are not computed here."""
KERNEL_HEAD = 256
"""Flash attention's largest D, which is a multiple of 8."""
KERNEL_CAPABILITY = (8, 0)
"""CUDA's compute capability of the first cards that have it (A100)."""


class OtherAttention(Exception):
    """This architecture's attention is another one."""


def attention_of(model: torch.nn.Module) -> str:
    """transformers' name of the attention that a model is set to."""
    return str(getattr(getattr(model, "config", None), "_attn_implementation", None))


def packed_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    is_causal: bool | None = None,
    sliding_window: int | None = None,
    cu_seq_lens_q: Tensor | None = None,
    max_length_q: int | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """(B, N, Hq, D) attention of `query` (B, Hq, N, D) to keys and values (B, Hk, N, D), and no weights.

    With a sliding window, each token sees so many, itself included. Raises OtherAttention where more is asked for.
    """
    unknown = [name for name in UNKNOWN if more.get(name) is not None]
    causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
    if unknown or attention_mask is not None or dropout or not causal or query.shape[2] != key.shape[2]:
        raise OtherAttention(", ".join(unknown))
    if cu_seq_lens_q is None:
        return _one_sequence(query, key, value, scaling, sliding_window).transpose(1, 2).contiguous(), None
    if _has_kernel(query.device, query.dtype, query.shape[-1]):
        return _kernel(query, key, value, scaling, sliding_window, cu_seq_lens_q, max_length_q), None
    lengths = cu_seq_lens_q.diff().tolist()
    parts = (each.split(lengths, dim=2) for each in (query, key, value))
    attended = [_one_sequence(q, k, v, scaling, sliding_window).transpose(1, 2) for q, k, v in zip(*parts, strict=True)]
    return torch.cat(attended, dim=1), None


def _has_kernel(device: torch.device, dtype: torch.dtype, head: int) -> bool:
    """Whether flash attention computes with this format and D on this device."""
    suits = dtype in (torch.float16, torch.bfloat16) and head <= KERNEL_HEAD and head % 8 == 0
    return suits and device.type == "cuda" and torch.cuda.get_device_capability(device) >= KERNEL_CAPABILITY


def _kernel(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scaling: float | None,
    window: int | None,
    ends: Tensor,
    longest: int | None = None,
) -> Tensor:
    """All sequences of a pack at once. Without the length of the `longest`, every layer waits to read it."""
    q_NHD, k_NHD, v_NHD = (each[0].transpose(0, 1).contiguous() for each in (query, key, value))
    longest = longest or int(ends.diff().max())
    reach = (-1 if window is None else window - 1, 0)
    grouped = query.shape[1] != key.shape[1]
    attended = varlen_attn(
        q_NHD, k_NHD, v_NHD, ends, ends, longest, longest, scale=scaling, window_size=reach, enable_gqa=grouped
    )
    assert isinstance(attended, Tensor)
    return attended[None]


def _one_sequence(query: Tensor, key: Tensor, value: Tensor, scaling: float | None, window: int | None) -> Tensor:
    """(B, Hq, N, D), a causal kernel without a mask; a shorter window goes block by block."""
    if query.shape[1] != key.shape[1]:
        key, value = (each.repeat_interleave(query.shape[1] // key.shape[1], dim=1) for each in (key, value))
    if window is None or query.shape[2] <= window:
        return scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling)
    blocks = [
        scaled_dot_product_attention(query[:, :, rows], key[:, :, seen], value[:, :, seen], mask, scale=scaling)
        for rows, seen, mask in _blocks(query.shape[2], window, query.device)
    ]
    return torch.cat(blocks, dim=2)


def _blocks(tokens: int, window: int, device: torch.device) -> Iterator[tuple[slice, slice, Tensor]]:
    """Queries of at most a window, the keys that they see, and which of them: at most (window, 2 window) a mask."""
    for start in range(0, tokens, window):
        rows = slice(start, min(start + window, tokens))
        seen = slice(max(0, start - window + 1), rows.stop)
        at, seen_at = (torch.arange(each.start, each.stop, device=device) for each in (rows, seen))
        age = at[:, None] - seen_at
        yield rows, seen, (age >= 0) & (age < window)


AttentionInterface.register(PACKED, packed_attention)
