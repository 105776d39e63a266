"""Figures of one optimizer step, gathered over micro-batches and ranks."""

import torch
import torch.distributed as dist
from torch import Tensor

NOTHING = (0, 0.0, 0.0)
"""The moments of no weight."""


class StepMetrics:
    """Sums, weighted means, maxima and effective sample sizes by name; `result` reduces them over all ranks."""

    def __init__(self, device: torch.device):
        self.device = device
        self.sums: dict[str, float] = {}
        self.means: dict[str, tuple[float, float]] = {}
        self.maxima: dict[str, float] = {}
        self.moments: dict[str, tuple[int, float, float]] = {}
        """Number, sum and sum of squares"""

    def add_sum(self, name: str, values: Tensor) -> None:
        """Add all values."""
        self.sums[name] = self.sums.get(name, 0.0) + values.sum(dtype=torch.float64).item()

    def add_mean(self, name: str, values: Tensor) -> None:
        """Count every value once."""
        self.add_weighted_mean(name, values, torch.ones_like(values))

    def add_weighted_mean(self, name: str, values: Tensor, weights: Tensor) -> None:
        """Count every value with its weight."""
        total, weight = self.means.get(name, (0.0, 0.0))
        total += (values.double() * weights.double()).sum().item()
        self.means[name] = (total, weight + weights.sum(dtype=torch.float64).item())

    def add_max(self, name: str, values: Tensor) -> None:
        """Keep the largest."""
        if values.numel():
            self.maxima[name] = max(self.maxima.get(name, float("-inf")), values.max().item())

    def add_ess(self, name: str, weights_T: Tensor) -> None:
        """Count every weight in Kish's effective sample size, as a share: (sum_t w_t)^2 / (T sum_t w_t^2)."""
        if weights_T.numel():
            wide_T = weights_T.double()
            seen = weights_T.numel(), wide_T.sum().item(), wide_T.square().sum().item()
            self.moments[name] = _summed([self.moments.get(name, NOTHING), seen])

    def result(self) -> dict[str, float]:
        """Every figure over all ranks; one that no rank has seen is left out."""
        tallies = [None] * dist.get_world_size()
        dist.all_gather_object(tallies, (self.sums, self.means, self.maxima, self.moments))
        sums, means, maxima, moments = zip(*tallies, strict=True)
        figures: dict[str, float] = {name: sum(s.get(name, 0.0) for s in sums) for name in _names(sums)}
        for name in _names(means):
            total, weight = map(sum, zip(*(m.get(name, (0.0, 0.0)) for m in means), strict=True))
            if weight:
                figures[name] = total / weight
        for name in _names(moments):
            number, total, squares = _summed([m.get(name, NOTHING) for m in moments])
            figures[name] = total**2 / (number * squares) if squares else 0.0
        return figures | {name: max(m[name] for m in maxima if name in m) for name in _names(maxima)}


def _summed(moments: list[tuple[int, float, float]]) -> tuple[int, float, float]:
    numbers, totals, squares = zip(*moments, strict=True)
    return sum(numbers), sum(totals), sum(squares)


def _names(parts: tuple[dict, ...]) -> list[str]:
    return sorted({name for part in parts for name in part})
