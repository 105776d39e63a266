"""Sections on what stays and what comes out: retention, unfinished work, the report, tracking."""

from typing import Literal

from pydantic import Field

from scope.config.types import Count, Name, NonNegative, Section


class Retention(Section):
    """What stays on disk once the next round is done and the policy is graded; the last round's always stays."""

    policies_every: int = Field(1, ge=0)
    """Keep the policy of every so many rounds; 0 keeps none but the last."""
    best: bool = False
    """Keep also the evaluated policy with the highest mean accuracy so far."""
    states_every: int = Field(1, ge=0)
    """Keep the optimizer state of every so many rounds; deleted policies are recomputed from the nearest state kept."""
    rollouts: Literal["all", "last"] = "all"
    """`last` deletes rollouts, verdicts and scores of an arm's finished rounds; their batches stay."""

    @property
    def drops(self) -> bool:
        """Whether anything is deleted at all."""
        return (self.policies_every, self.states_every, self.rollouts) != (1, 1, "all")


class Resume(Section):
    """What a stage keeps while it works, so that a killed one goes on where it was (docs/reruns.md)."""

    every_s: NonNegative | None = None
    """Seconds between two savings; null: 60 for rollouts, scores and evaluations, 300 for an update's checkpoints."""


class Report(Section):
    """The page at the end."""

    title: str = "SCOPE"
    question: str = "Does routing rollouts by correctness, each path weighted by perplexity, help the student?"
    bootstrap: Count = 2000
    """Resamples behind each interval and behind best@k."""


class Tracking(Section):
    """Where step metrics go beside JSONL and Parquet."""

    wandb: Literal["disabled", "offline", "online"] = "offline"
    """`offline` needs no account: `wandb sync` uploads later."""
    project: Name = "scope"
