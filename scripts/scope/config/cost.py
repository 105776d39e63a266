"""Section on the expected cost of stages, from which GPU hours are projected."""

from scope.config.types import Count, Positive, Section


class StageCost(Section):
    """Cost of all jobs of a stage together."""

    wall_s: Positive
    """Wall time in seconds, with all jobs in parallel."""
    gpus: Count
    """GPUs of all these jobs together."""


class ExpectedCost(Section):
    """Measured costs, from which GPU hours are projected before a run; no result depends on them."""

    rollout: StageCost
    """Rollouts of one optimizer step."""
    score: StageCost
    """Scores of one optimizer step."""
    update: StageCost
    """One optimizer step."""
    evaluate: StageCost | None = None
    """Evaluation of one policy on one benchmark with one sampling; null leaves evaluation out."""
