"""Progress of a round's updates, shown by the first rank."""

from collections.abc import Sequence

from torch import distributed as dist

from scope.artifacts.progress import Progress
from scope.update.micro_batch import MicroBatch

FORWARD, BOTH = 1, 3
"""Costs of a forward pass, and of one with its backward pass."""


class RoundProgress(Progress):
    """Counts steps, the tokens of their rows, and the passes of this rank's micro-batches."""

    def __init__(self, steps: Sequence[Sequence[MicroBatch]], *, forward_passes: int):
        super().__init__("step", len(steps), silent=dist.get_rank() > 0)
        self.done, self.left = 0, sum(map(len, steps)) * BOTH + forward_passes * FORWARD
        self.trained = 0

    def passed(self, micro: MicroBatch, cost: int) -> None:
        """Count a pass, of every rank, and show it where it is time."""
        self.done, self.left = self.done + cost, self.left - cost
        if cost == BOTH:
            self.trained += micro.pack.input_ids.numel() * dist.get_world_size()
        if self.due():
            self.show(self.done, self.left, unfinished=self.trained)

    def end_step(self, tokens: int) -> None:
        """Count a step."""
        self.add(tokens)
        self.trained = 0
