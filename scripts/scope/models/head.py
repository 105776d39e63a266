"""Log-probabilities from hidden states: a chunk of tokens at a time, so that no tokens x vocabulary are held.

    log pi(v) = log softmax(logits / temperature)_v        logits = hidden W^T + b

Shapes: R response tokens, C of them in a chunk, V vocabulary, H hidden size.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from scope.models.token_ids import TokenIds

CHUNK_VALUES = {"cpu": 2**24, "cuda": 2**28}
"""Logits of a chunk: 64 MiB and 1 GiB in float32, of which two or three exist at once, in a score one."""


class Buffers:
    """Memory of one chunk, used again by the next: on a CPU, new memory costs more than what is computed in it."""

    def __init__(self):
        self._kept: dict[str, Tensor] = {}

    def take(self, name: str, like: Tensor, dtype: torch.dtype, *shape: int) -> Tensor:
        """A tensor of undefined values on the device of `like`, which overwrites the last of this name."""
        kept = self._kept.get(name)
        if kept is None or kept.numel() < math.prod(shape):
            kept = self._kept[name] = like.new_empty(math.prod(shape), dtype=dtype)
        return kept[: math.prod(shape)].view(shape)


@dataclass(frozen=True)
class Hidden:
    """The last hidden states at R positions and the head above them, or logits in place of both."""

    states: Tensor
    """(R, H), or (R, V) logits where there is no weight"""
    weight: Tensor | None = None
    """(V, H)"""
    bias: Tensor | None = None
    """(V,)"""

    def logits(self, rows: slice, buffers: Buffers) -> Tensor:
        """(C, V), in `buffers`; without a gradient."""
        states_CH = self.states[rows]
        logits_CV = buffers.take("logits", states_CH, states_CH.dtype, len(states_CH), self.vocabulary)
        if self.weight is None:
            return logits_CV.copy_(states_CH)
        if self.bias is None:
            return torch.mm(states_CH, self.weight.T, out=logits_CV)
        return torch.addmm(self.bias, states_CH, self.weight.T, out=logits_CV)

    @property
    def vocabulary(self) -> int:
        """V, rows without a token included."""
        return self.states.shape[-1] if self.weight is None else len(self.weight)


@dataclass(frozen=True)
class Distribution:
    """pi(. | x, y_<t) at R positions, among `tokens`, else among all V."""

    hidden: Hidden
    temperature: float
    tokens: TokenIds | None = None

    def chunks(self) -> Iterator[slice]:
        """The positions, in order, so many at a time that their logits stay small."""
        count, most = len(self.hidden.states), CHUNK_VALUES[self.hidden.states.device.type]
        size = max(1, most // self.hidden.vocabulary)
        yield from (slice(first, min(first + size, count)) for first in range(0, count, size))

    def scaled_logits(self, rows: slice, buffers: Buffers) -> Tensor:
        """(C, V) logits / temperature, in float32 at least, to be overwritten; without a gradient."""
        logits = self.hidden.logits(rows, buffers)
        if self.tokens:
            logits = self.tokens.of(logits)
        wide = torch.promote_types(logits.dtype, torch.float32)
        if logits.dtype != wide:
            logits = buffers.take("wide", logits, wide, *logits.shape).copy_(logits)
        return logits if self.temperature == 1 else logits.div_(self.temperature)

    @torch.no_grad()
    def log_probabilities(self, rows: slice) -> Tensor:
        """(C, V) log pi(.), without a gradient."""
        logits_CV = self.scaled_logits(rows, Buffers())
        return logits_CV.sub_(exponentials(logits_CV, torch.empty_like(logits_CV)).log_sum_C[:, None])


@torch.no_grad()
def token_log_probabilities(distribution: Distribution, targets_R: Tensor) -> Tensor:
    """(R,) log pi of each target, without a gradient."""
    buffers = Buffers()
    parts = [_logp(distribution, rows, targets_R[rows], buffers) for rows in distribution.chunks()]
    return torch.cat(parts) if parts else targets_R.new_zeros(0, dtype=torch.float32)


def _logp(distribution: Distribution, rows: slice, targets_C: Tensor, buffers: Buffers) -> Tensor:
    """(C,) log pi of each target, in the memory of the logits."""
    logits_CV = distribution.scaled_logits(rows, buffers)
    logit_C = logits_CV.gather(1, targets_C[:, None])[:, 0]
    return logit_C - exponentials(logits_CV, logits_CV).log_sum_C


class Exponentials(NamedTuple):
    """exp(logits - largest) of some tokens, and what follows from it.

    On a CPU in float32, sums by torch.softmax over 151,936 ids are off by 4e-5 nats, these by 4e-6.
    """

    values_CV: Tensor
    sum_C: Tensor
    log_sum_C: Tensor
    """log sum exp(logits)"""


def exponentials(logits_CV: Tensor, out_CV: Tensor) -> Exponentials:
    """Computed in `out_CV`, which may be the logits."""
    largest_C = logits_CV.amax(dim=-1)
    sum_C = torch.sub(logits_CV, largest_C[:, None], out=out_CV).exp_().sum(dim=-1)
    return Exponentials(out_CV, sum_C, largest_C + sum_C.log())
