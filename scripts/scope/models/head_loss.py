"""A loss of log-probabilities and its gradient, from hidden states, a chunk of tokens at a time (head.py).

A chunk's gradient is taken while its logits are there, so that they are computed once; the backward pass only scales
what has been added up. Shapes: R response tokens, C of them in a chunk, V vocabulary, H hidden size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from scope.models.head import Buffers, Distribution, exponentials

Loss = Callable[[Tensor, slice], Tensor]
"""Weighted losses of the tokens of a slice, differentiable in their log-probabilities: (C,), or (C, V) of all ids."""


@dataclass(frozen=True)
class LossOfTokens:
    """A loss summed over R tokens, and what was seen of each, without a gradient."""

    total: Tensor
    """scalar; its backward pass reaches hidden states, weight and bias"""
    logp_R: Tensor
    entropy_R: Tensor
    """in nats"""


def loss_of_tokens(
    distribution: Distribution, targets_R: Tensor, loss: Loss, divergence: Loss | None = None
) -> LossOfTokens:
    """sum_t `loss`(log pi(y_t)) + sum_t `divergence`(log pi(.)), chunk by chunk."""
    hidden = distribution.hidden
    return LossOfTokens(
        *_ChunkedLoss.apply(hidden.states, hidden.weight, hidden.bias, distribution, targets_R, loss, divergence)
    )


class _Chunk:
    """pi of some tokens, p = exp / sum: log-probabilities of targets, entropy, and a gradient."""

    def __init__(self, distribution: Distribution, rows: slice, targets_R: Tensor, buffers: Buffers):
        self.targets_C1 = targets_R[rows, None]
        self.logits_CV = logits_CV = distribution.scaled_logits(rows, buffers)
        self.exp = exponentials(logits_CV, buffers.take("exp", logits_CV, logits_CV.dtype, *logits_CV.shape))
        self.logp_C = logits_CV.gather(1, self.targets_C1)[:, 0] - self.exp.log_sum_C

    def entropy(self) -> Tensor:
        """(C,) -sum_v p_v log p_v; overwrites the logits."""
        return self.exp.log_sum_C - self.logits_CV.mul_(self.exp.values_CV).sum(dim=-1) / self.exp.sum_C

    def log_probabilities(self) -> Tensor:
        """(C, V) log pi(.)."""
        return self.logits_CV - self.exp.log_sum_C[:, None]

    def gradient(self, slope_C: Tensor, slope_CV: Tensor | None = None) -> Tensor:
        """(C, V) d/dlogits of what has these derivatives in log pi(y_t) and log pi(.); takes the place of exp.

        With S, the sum of both: S_v - p_v sum_u S_u.
        """
        total_C = slope_C if slope_CV is None else slope_C + slope_CV.sum(dim=-1)
        scale_C = -total_C / self.exp.sum_C
        gradient_CV = self.exp.values_CV.mul_(scale_C[:, None]).scatter_add_(1, self.targets_C1, slope_C[:, None])
        return gradient_CV if slope_CV is None else gradient_CV.add_(slope_CV)


class _ChunkedLoss(torch.autograd.Function):
    """The forward pass takes the gradient too."""

    @staticmethod
    def forward(
        ctx: Any,
        states_RH: Tensor,
        weight_VH: Tensor | None,
        bias_V: Tensor | None,
        distribution: Distribution,
        targets_R: Tensor,
        loss: Loss,
        divergence: Loss | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the total, logp (R,) and entropy (R,)."""
        gradients = _Gradients(states_RH, weight_VH, bias_V, ctx.needs_input_grad)
        wide = torch.promote_types(states_RH.dtype, torch.float32)
        total = states_RH.new_zeros((), dtype=wide)
        logp_R, entropy_R = (states_RH.new_empty(len(targets_R), dtype=wide) for _ in range(2))
        buffers = Buffers()
        for rows in distribution.chunks():
            chunk = _Chunk(distribution, rows, targets_R, buffers)
            logp_R[rows] = chunk.logp_C
            value, slope_C = _value_and_slope(loss, chunk.logp_C, rows)
            slope_CV = None
            if divergence:
                further, slope_CV = _value_and_slope(divergence, chunk.log_probabilities(), rows)
                value, slope_CV = value + further, slope_CV / distribution.temperature
            total += value
            entropy_R[rows] = chunk.entropy()
            gradients.add(rows, chunk.gradient(slope_C / distribution.temperature, slope_CV), buffers)
            del slope_CV  # before the logits of the next chunk
        ctx.save_for_backward(*gradients.sums())
        ctx.mark_non_differentiable(logp_R, entropy_R)
        return total, logp_R, entropy_R

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the gradients by that of the total."""
        scaled = [None if sum_ is None else sum_.mul_(slopes[0].to(sum_.dtype)) for sum_ in ctx.saved_tensors]
        return *scaled, None, None, None, None


def _value_and_slope(loss: Loss, values: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
    """The loss of a chunk, and its derivative in the values that it is given."""
    with torch.enable_grad():
        leaf = values.detach().requires_grad_()
        total = loss(leaf, rows).sum()
        if not total.requires_grad:
            return total, torch.zeros_like(values)
        return total.detach(), torch.autograd.grad(total, leaf)[0]


class _Gradients:
    """Sums over chunks of those that are needed: of weight and bias in float32 at least."""

    def __init__(self, states_RH: Tensor, weight_VH: Tensor | None, bias_V: Tensor | None, needed: Sequence[bool]):
        self.states_RH, self.weight_VH = states_RH, weight_VH
        wide = torch.promote_types(states_RH.dtype, torch.float32)
        self.of_states = torch.zeros_like(states_RH) if needed[0] else None
        self.of_weight, self.of_bias = (
            torch.zeros_like(tensor, dtype=wide) if tensor is not None and asked else None
            for tensor, asked in zip((weight_VH, bias_V), needed[1:3], strict=True)
        )

    def add(self, rows: slice, gradient_CV: Tensor, buffers: Buffers) -> None:
        """Add d/dlogits of a chunk, which covers the first ids of the vocabulary; its logits are needed no more."""
        known, states_CH = gradient_CV.shape[1], self.states_RH[rows]
        if self.of_bias is not None:
            self.of_bias[:known] += gradient_CV.sum(dim=0)
        if gradient_CV.dtype != states_CH.dtype:
            gradient_CV = buffers.take("logits", states_CH, states_CH.dtype, *gradient_CV.shape).copy_(gradient_CV)
        if self.of_states is not None and self.weight_VH is None:
            self.of_states[rows, :known] = gradient_CV
        elif self.of_states is not None and self.weight_VH is not None:
            torch.mm(gradient_CV, self.weight_VH[:known], out=self.of_states[rows])
        if self.of_weight is not None and self.of_weight.dtype == states_CH.dtype:
            self.of_weight[:known].addmm_(gradient_CV.T, states_CH)
        elif self.of_weight is not None:
            product = buffers.take("product", states_CH, states_CH.dtype, known, states_CH.shape[1])
            self.of_weight[:known] += torch.mm(gradient_CV.T, states_CH, out=product)

    def sums(self) -> tuple[Tensor | None, ...]:
        """In the formats of what they are gradients of."""
        kept = self.states_RH.dtype
        return self.of_states, *(None if each is None else each.to(kept) for each in (self.of_weight, self.of_bias))
