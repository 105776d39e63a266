"""Whether the pairs of a pack influence each other, measured on the model itself.

Attention keeps pairs apart where position ids restart. Layers with a state (Mamba, linear attention, convolutions), and
positions that are counted in another way, do not. Two measurements find both, in any number format:

- Other tokens in the first pair must not change the logits of the second. Where attention alone mixes tokens, masked
  ones have the weight 0, so that the logits are equal to the last bit. Experts sum in another order when other tokens
  come beside them; how much that explains is measured on the same two pairs as rows of a batch, which cannot mix.
- The logits of a pair in a pack must be those of the pair alone, up to the rounding of the number format.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from scope.errors import InputError
from scope.models.packed_attention import PACKED, OtherAttention, attention_of
from scope.models.packed_forward import HeadNotCalled, at_responses, forward, pack
from scope.models.pair import Pair

PROBE_TOKENS = 24
LARGE_LOGIT = 64.0
"""Scales and caps of logits change it."""
FLASH = "flash_attention_2"
ROUNDING = {torch.float64: 1e-8, torch.float32: 1e-4, torch.float16: 0.02, torch.bfloat16: 0.1}
"""Mean difference of logits, as a share of their mean deviation from their mean, that rounding explains.

Measured on SmolLM2-135M: 1.2e-6 in float32, 0.015 in bfloat16; positions that a pack shifts give 0.1 and more even in
models with random weights, and are found by other tokens too.
"""
EXPLAINED = 4.0
"""How many times the difference of a batch's rows is still explained by rounding in a pack."""


DENSE_TOKENS = 1024
"""The largest pack of an attention that holds a mask of its tokens x its tokens in every layer."""


@dataclass(frozen=True)
class Packing:
    """How packs go through a model."""

    tokens: int
    """In a pack; at 1 every pair has one of its own."""
    attention: str
    """transformers' name of an implementation"""
    linear: bool
    """Whether the logits are a linear layer of the last hidden states, and nothing more."""


def log_line(line: str) -> None:
    """Write a line to the log of the stage."""
    print(line, file=sys.stderr)


def packing_of(
    model: PreTrainedModel, tokens: int, attention: str = "auto", say: Callable[[str], None] = log_line
) -> Packing:
    """How packs of at most so many tokens go through a model, with its attention set accordingly.

    `auto` is the attention without a mask (packed_attention.py) where that is the architecture's; any other name is
    one of transformers. Reports which. Raises InputError where even a pair alone gets other logits than by a plain
    forward pass, and where this machine lacks the attention.
    """
    was_training = model.training
    model.eval()  # dropout would differ from pass to pass
    try:
        packing = _packing(model, type(model).__name__, tokens, attention)
    finally:
        model.train(was_training)
    say(f"packs: {_description(packing, type(model).__name__, mixes=packing.tokens == 1 < tokens)}")
    return packing


def _description(packing: Packing, name: str, *, mixes: bool) -> str:
    if mixes:
        return f"{name} mixes the pairs of a pack; each pair has a forward pass of its own"
    mask = "" if packing.attention == PACKED else f", by {packing.attention} attention"
    return f"{name} keeps the pairs of a pack apart; up to {packing.tokens:,} tokens each{mask}"


@torch.no_grad()
def _packing(model: PreTrainedModel, name: str, tokens: int, attention: str) -> Packing:
    probe = _Probe(model)
    if attention != "auto":
        set_attention(model, attention)
    if not _equal(probe.packed(probe.second), probe.alone, probe.rounding):
        raise InputError(
            f"{name}: a forward pass with position ids from 0 gives other logits than one without; this architecture "
            "cannot be scored or trained here: choose another model under models",
            "unsupported-model",
        )
    own, linear = attention_of(model), probe.has_linear_head()
    if attention == "auto" and probe.suits_packed_attention():
        return Packing(tokens, PACKED, linear)
    set_attention(model, own)
    if probe.mixes():
        return Packing(1, own, linear)
    return Packing(tokens if own == FLASH else min(tokens, DENSE_TOKENS), own, linear)


class _Probe:
    """Three pairs, and what the model makes of one of them by nothing but its ids."""

    def __init__(self, model: PreTrainedModel):
        self.model = model
        self.first, self.other, self.second = _probe_tokens(model)
        self.rounding = ROUNDING[next(model.parameters()).dtype]
        self.alone = _plain(model, self.second[None])[0]

    def packed(self, *pairs: Tensor) -> Tensor:
        """(PROBE_TOKENS, V) float32 logits of the last of these pairs in one pack."""
        packed = pack([Pair(ids.tolist(), []) for ids in pairs], self.second.device)
        every = torch.arange(packed.input_ids.shape[1], device=self.second.device)
        return forward(self.model, packed, every[-PROBE_TOKENS:]).float()

    def mixes(self) -> bool:
        """Whether other tokens in the first pair, or the place in a pack, change the logits of the second."""
        with_first, with_other = (self.packed(pair, self.second) for pair in (self.first, self.other))
        rows = [_plain(self.model, torch.stack([pair, self.second]))[-1].clone() for pair in (self.first, self.other)]
        explained = EXPLAINED * _distance(*rows)
        return _distance(with_first, with_other) > explained or not _equal(with_first, self.alone, self.rounding)

    def suits_packed_attention(self) -> bool:
        """Whether PACKED, which is left set, gives the logits of the model's own attention and keeps pairs apart."""
        if not getattr(self.model, "_supports_attention_backend", False):
            return False
        try:
            set_attention(self.model, PACKED)
            return _equal(_plain(self.model, self.second[None])[0], self.alone, self.rounding) and not self.mixes()
        except (OtherAttention, InputError):
            return False

    def has_linear_head(self) -> bool:
        """Whether what the head's layer returns becomes the logits, untouched."""
        packed = pack([Pair(self.first.tolist(), self.second.tolist())], self.second.device)
        with suppress(HeadNotCalled):
            large = at_responses(self.model, packed, lambda hidden: hidden.states.new_full((), LARGE_LOGIT))
            return large.item() == LARGE_LOGIT
        return False


def set_attention(model: PreTrainedModel, name: str) -> None:
    """Let the model attend by an implementation of transformers. Raises InputError where it cannot."""
    if attention_of(model) == name:
        return
    try:
        model.set_attn_implementation(name)
    except (ValueError, ImportError) as error:
        raise _unknown_attention(model, name, str(error).splitlines()[0]) from None
    if attention_of(model) != name:
        raise _unknown_attention(model, name, f"it attends by {attention_of(model)!r}")


def _unknown_attention(model: PreTrainedModel, name: str, reason: str) -> InputError:
    kind = type(model).__name__
    return InputError(
        f"attention {name!r} does not work here with {kind}: {reason}; set it to auto", "unknown-attention"
    )


def _probe_tokens(model: PreTrainedModel) -> tuple[Tensor, Tensor, Tensor]:
    """Three times (PROBE_TOKENS,) token ids, the same in every run."""
    embeddings_VH: Any = model.get_input_embeddings().weight
    vocabulary, _ = getattr(embeddings_VH, "ds_shape", embeddings_VH.shape)  # of the whole, which may be divided
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(vocabulary, (3, PROBE_TOKENS), generator=generator)
    first, other, second = ids.to(embeddings_VH.device)
    return first, other, second


def _plain(model: PreTrainedModel, ids: Tensor) -> Tensor:
    """(B, PROBE_TOKENS, V) float32 logits of rows of a batch, by nothing but their ids."""
    return model(input_ids=ids, use_cache=False).logits.float()


def _distance(one: Tensor, other: Tensor) -> float:
    return (one - other).abs().mean().item()


def _equal(logits_RV: Tensor, expected_RV: Tensor, rounding: float) -> bool:
    """Whether rounding explains the difference; two that are not finite are equal: other checks name them."""
    spread = (expected_RV - expected_RV.mean(dim=-1, keepdim=True)).abs().mean().item()
    return not _distance(logits_RV, expected_RV) > spread * rounding
