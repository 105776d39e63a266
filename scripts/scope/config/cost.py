"""Section on what stages cost, from which GPU hours are projected."""

from scope.config.types import Count, Positive, Section


class StageCost(Section):
    """What the jobs of a stage take together."""

    wall_s: Positive
    """Seconds that they hold their GPUs, run side by side."""
    gpus: Count
    """GPUs that they hold meanwhile, together."""


class ExpectedCost(Section):
    """Measured costs, from which GPU hours are projected before a run; nothing that is computed depends on them."""

    rollout: StageCost
    """Of the rollouts of one optimizer step."""
    score: StageCost
    """Of the scores of one optimizer step."""
    update: StageCost
    """Of one optimizer step."""
    evaluate: StageCost | None = None
    """Of grading one policy on one benchmark under one sampling; null leaves evaluation out."""
