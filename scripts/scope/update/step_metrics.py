"""Figures of one optimizer step, gathered over micro-batches and ranks."""

import torch
import torch.distributed as dist
from torch import Tensor


class StepMetrics:
    """Sums, weighted means and maxima by name; `result` reduces them over all ranks."""

    def __init__(self, device: torch.device):
        self.device = device
        self.sums: dict[str, float] = {}
        self.means: dict[str, tuple[float, float]] = {}
        self.maxima: dict[str, float] = {}

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

    def result(self) -> dict[str, float]:
        """Every figure over all ranks; one that no rank has seen is left out."""
        tallies = [None] * dist.get_world_size()
        dist.all_gather_object(tallies, (self.sums, self.means, self.maxima))
        sums, means, maxima = zip(*tallies, strict=True)
        figures: dict[str, float] = {name: sum(s.get(name, 0.0) for s in sums) for name in _names(sums)}
        for name in _names(means):
            total, weight = map(sum, zip(*(m.get(name, (0.0, 0.0)) for m in means), strict=True))
            if weight:
                figures[name] = total / weight
        return figures | {name: max(m[name] for m in maxima if name in m) for name in _names(maxima)}


def _names(parts: tuple[dict, ...]) -> list[str]:
    return sorted({name for part in parts for name in part})
