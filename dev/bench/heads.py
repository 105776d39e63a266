"""A head alone: forward and backward pass of the sum of the targets' log-probabilities, the same for every side."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from bench.models import SEED
from bench.rows import Rows
from bench.worker import Meter

Head = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Hidden states (N, H), weight (V, H) and targets (N,) to the scalar sum_t log softmax(hidden_t W^T)[target_t]."""


def measure_head(spec: Mapping[str, Any], meter: Meter, head: Head) -> dict[str, float]:
    """Time one pass after a short one; returns figures that are equal on all sides."""
    targets = torch.tensor([token for pair in Rows(**spec["rows"]).pairs() for part in pair for token in part])
    torch.manual_seed(SEED)
    size = spec["shape"]["hidden_size"]
    hidden, weight = torch.randn(len(targets), size), torch.randn(spec["shape"]["vocab_size"], size) * size**-0.5
    meter.loaded()
    _gradients(head, hidden[:16], weight, targets[:16])
    with meter.timed():
        total, gradient = _gradients(head, hidden, weight, targets)
    return {"log_probability": total / len(targets), "gradient": gradient.norm().item()}


def _gradients(head: Head, hidden: Tensor, weight: Tensor, targets: Tensor) -> tuple[float, Tensor]:
    """The sum, and its gradient in the hidden states; that of the weight is computed too."""
    leaves = hidden.detach().requires_grad_(), weight.detach().requires_grad_()
    total = head(*leaves, targets)
    of_hidden, _ = torch.autograd.grad(total, leaves)
    return total.item(), of_hidden
