"""Whether the pairs of a pack influence each other, measured on the model itself.

Attention keeps pairs apart where position ids restart. Layers with a state (Mamba, linear attention, convolutions), and
positions that are counted in another way, do not. Two measurements find both, in any number format:

- Other tokens in the first pair must not change the logits of the second. Where attention alone mixes tokens, masked
  ones have the weight 0, so that the logits are equal to the last bit. Experts sum in another order when other tokens
  come beside them; how much that explains is measured on the same two pairs as rows of a batch, which cannot mix.
- The logits of a pair in a pack must be those of the pair alone, up to the rounding of the number format.
"""

import sys
from typing import cast

import torch
from torch import Tensor
from transformers import PreTrainedModel

from scope.errors import InputError
from scope.models.packed_forward import forward, pack
from scope.models.pair import Pair

PROBE_TOKENS = 24
ROUNDING = {torch.float32: 1e-4, torch.bfloat16: 0.1}
"""Mean difference of logits, as a share of their mean deviation from their mean, that rounding explains.

Measured on SmolLM2-135M: 1.2e-6 in float32, 0.015 in bfloat16; positions that a pack shifts give 0.1 and more even in
models with random weights, and are found by other tokens too.
"""
EXPLAINED = 4.0
"""How many times the difference of a batch's rows is still explained by rounding in a pack."""


def safe_pack_tokens(model: PreTrainedModel, tokens: int) -> int:
    """The size of packs: `tokens`, or 1, which puts every pair into a pack of its own, where packs mix pairs.

    Prints which of them. Raises InputError where even a pair alone gets other logits than a plain forward pass.
    """
    name = type(model).__name__
    if _is_mixing(model, name):
        print(f"packs: {name} mixes the pairs of a pack; each pair has a forward pass of its own", file=sys.stderr)
        return 1
    print(f"packs: {name} keeps the pairs of a pack apart; up to {tokens:,} tokens each", file=sys.stderr)
    return tokens


@torch.no_grad()
def _is_mixing(model: PreTrainedModel, name: str) -> bool:
    was_training = model.training
    model.eval()  # dropout would differ from pass to pass
    first, other, second = _probe_tokens(model)
    alone = _plain(model, second[None])[0]
    rounding = ROUNDING[next(model.parameters()).dtype]
    if not _equal(_packed(model, second)[0], alone, rounding):
        raise InputError(
            f"{name}: a forward pass with position ids from 0 gives other logits than one without; this architecture "
            "cannot be scored or trained here: choose another model under models",
            "unsupported-model",
        )
    with_first, with_other = (_packed(model, pair, second)[-1] for pair in (first, other))
    rows = [_plain(model, torch.stack([pair, second]))[-1] for pair in (first, other)]
    explained = EXPLAINED * _distance(*rows)
    model.train(was_training)
    return _distance(with_first, with_other) > explained or not _equal(with_first, alone, rounding)


def _probe_tokens(model: PreTrainedModel) -> tuple[Tensor, Tensor, Tensor]:
    """Three times (PROBE_TOKENS,) token ids, the same in every run."""
    embeddings_VH = cast(Tensor, model.get_input_embeddings().weight)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(len(embeddings_VH), (3, PROBE_TOKENS), generator=generator)
    first, other, second = ids.to(embeddings_VH.device)
    return first, other, second


def _packed(model: PreTrainedModel, *pairs: Tensor) -> list[Tensor]:
    """(PROBE_TOKENS, V) float32 logits of each pair in one pack."""
    packed = pack([Pair(ids.tolist(), []) for ids in pairs], pairs[0].device)
    every = torch.arange(packed.input_ids.shape[1], device=pairs[0].device)
    return list(forward(model, packed, every).float().split(PROBE_TOKENS))


def _plain(model: PreTrainedModel, ids: Tensor) -> Tensor:
    """(B, PROBE_TOKENS, V) float32 logits of rows of a batch, by nothing but their ids."""
    return model(input_ids=ids, use_cache=False).logits.float()


def _distance(one: Tensor, other: Tensor) -> float:
    return (one - other).abs().mean().item()


def _equal(logits_RV: Tensor, expected_RV: Tensor, rounding: float) -> bool:
    """Whether rounding explains the difference; two that are not finite are equal: other checks name them."""
    spread = (expected_RV - expected_RV.mean(dim=-1, keepdim=True)).abs().mean().item()
    return not _distance(logits_RV, expected_RV) > spread * rounding
