"""Seconds of the parts of a step, which follow one another without a gap.

On a GPU they are between events in the stream of its work: a clock of the CPU would show when work was asked for. The
CPU waits for them once, at the end of the step.
"""

from itertools import pairwise
from time import perf_counter

import torch

PARTS = ("seconds_old_logprobs", "seconds_forward", "seconds_backward", "seconds_optimizer")

Moment = float | torch.cuda.Event


class StepClock:
    """Of one step; its old log-probabilities may be taken long before the rest."""

    def __init__(self, device: torch.device):
        self.device = device
        self.moments: list[tuple[str | None, Moment]] = []

    def start(self) -> None:
        """What was between the last part and now belongs to no part."""
        self.moments.append((None, self._now()))

    def end(self, part: str) -> None:
        """What was done since the last moment belongs to one of PARTS."""
        self.moments.append((part, self._now()))

    def seconds(self) -> dict[str, float]:
        """Of each part, 0 for one that did not occur."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        found: dict[str, float] = dict.fromkeys(PARTS, 0.0)
        for (_, before), (part, after) in pairwise(self.moments):
            if part:
                found[part] += _between(before, after)
        return found

    def _now(self) -> Moment:
        if self.device.type != "cuda":
            return perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event


def _between(before: Moment, after: Moment) -> float:
    """Seconds."""
    if isinstance(before, torch.cuda.Event) and isinstance(after, torch.cuda.Event):
        return before.elapsed_time(after) / 1e3
    assert isinstance(before, float)
    assert isinstance(after, float)
    return after - before
