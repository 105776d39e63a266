"""Paths of the files of one round, of an arm or of rollouts that several arms use."""

import re
from dataclasses import dataclass

from scope.artifacts.names import MANIFEST, RESTORED, RETIRED, ROUND, TIMINGS


@dataclass(frozen=True, slots=True)
class Round:
    """The files of one round: of an arm, or of rollouts that several arms use."""

    root: str
    """Folder of the experiment."""
    place: str
    """Folder of the round below it, and below the folder of timings."""

    @property
    def folder(self) -> str:
        """The folder of all its files."""
        return f"{self.root}/{self.place}"

    @property
    def batch(self) -> str:
        """What `weigh` writes."""
        return f"{self.folder}/batch.parquet"

    @property
    def policy(self) -> str:
        """Manifest of the policy after this round."""
        return f"{self.folder}/policy/{MANIFEST}"

    @property
    def state(self) -> str:
        """Manifest of the optimizer state after this round."""
        return f"{self.folder}/state/{MANIFEST}"

    @property
    def metrics(self) -> str:
        """Figures of every optimizer step."""
        return f"{self.folder}/metrics.parquet"

    @property
    def live(self) -> str:
        """The same and their costs, one line of JSON for each step, while the update runs."""
        return f"{self.folder}/metrics.jsonl"

    @property
    def step_costs(self) -> str:
        """Time and memory of every optimizer step."""
        return f"{self.root}/{TIMINGS}/{self.place}/update.steps.parquet"

    @property
    def retired(self) -> str:
        """Record of what the retention policy deleted."""
        return f"{self.folder}/{RETIRED}"

    @property
    def evaluations(self) -> str:
        """Folder of the policy's evaluations."""
        return f"{self.folder}/evaluate"

    @property
    def restored(self) -> "Round":
        """Policy, state and metrics of this round, recomputed after they were deleted."""
        return Round(self.root, f"{self.place}/{RESTORED}")

    def other(self, round_: int | str) -> "Round":
        """Another round of the same arm and seed."""
        return Round(self.root, re.sub(rf"{ROUND}\d+$", f"{ROUND}{round_}", self.place))

    def shard(self, stage: str, shard: int | str) -> str:
        """One shard of rollouts, verdicts or scores."""
        return f"{self.folder}/{stage}/{shard}.parquet"

    def log(self, name: str) -> str:
        """Log of a job of this round."""
        return f"{self.folder}/logs/{name}.log"

    def timing(self, name: str) -> str:
        """Seconds and memory of a job of this round."""
        return f"{self.root}/{TIMINGS}/{self.place}/{name}.tsv"
