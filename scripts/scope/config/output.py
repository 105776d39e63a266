"""Sections on output: retention, checkpoints, the report, tracking."""

from typing import Literal

from pydantic import Field

from scope.config.types import Count, Name, NonNegative, Positive, Section


class Retention(Section):
    """What is kept once the next round is done and the policy is evaluated; the last round's files always stay."""

    keep_policies_every: int = Field(default=1, ge=0)
    """Keep the policy of every n-th round; 0: only the last."""
    keep_best: bool = False
    """Also keep the evaluated policy with the highest mean accuracy so far."""
    keep_states_every: int = Field(default=1, ge=0)
    """Keep the optimizer state of every n-th round; deleted policies are recomputed from the nearest one."""
    keep_rollouts: Literal["all", "last"] = "all"
    """`last` deletes rollouts, verdicts and scores of an arm's finished rounds; their batches stay."""

    @property
    def drops(self) -> bool:
        """Whether anything is deleted at all."""
        return (self.keep_policies_every, self.keep_states_every, self.keep_rollouts) != (1, 1, "all")


class Checkpoint(Section):
    """How often a stage saves its progress, from which a killed one resumes (docs/reruns.md)."""

    interval_s: NonNegative | None = None
    """Seconds between two checkpoints; null: 60 for rollouts, scores and evaluations, 300 for updates."""


class Report(Section):
    """The report."""

    title: str = "SCOPE"
    question: str = "Does routing rollouts by correctness, each path weighted by perplexity, help the student?"
    bootstrap: Count = 2000
    """Bootstrap resamples for each interval and for best@k."""


class Tracking(Section):
    """Where step metrics go in addition to JSONL and Parquet, and what is logged with them."""

    wandb: Literal["disabled", "offline", "online"] = "offline"
    """`offline` needs no account: `wandb sync` uploads later."""
    project: Name = "scope"
    peak_tflops: Positive | None = None
    """Peak of one card in dense matrix products of `models.dtype`, in TFLOP/s, such as 989 for bfloat16 on an H100 SXM:
    each step's MFU is logged as a share of it. null: no MFU is logged."""
