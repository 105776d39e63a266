"""Limits on a step's figures that stop an update before the step is made, and the gap that is worth a warning."""

from collections.abc import Mapping
from typing import NamedTuple

from scope.errors import InputError
from scope.update.log import log
from scope.update.recipe import Guards

LARGE_GAP = 0.1
"""Nats a token, on average; bfloat16 explains 0.02 on SmolLM2-135M (docs/demo.md)."""


class Limit(NamedTuple):
    """What a key of `update.guards` bounds."""

    figure: str
    remedy: str
    upper: bool = True

    def allows(self, value: float, bound: float) -> bool:
        """Whether a value is within the bound."""
        return value <= bound if self.upper else value >= bound


LIMITS = {
    "max_engine_gap": Limit(
        "engine_gap_mean",
        "check that the engine serves this policy in models.dtype; update.tis_cap weighs tokens by "
        "min(pi_old / pi_engine, cap), and leaves the gap as it is",
    ),
    "max_ratio": Limit("ratio_max", "lower update.learning_rate or update.steps_per_round"),
    "min_ess": Limit("ess", "lower update.learning_rate or update.steps_per_round", upper=False),
}


def check_guards(metrics: Mapping[str, float], guards: Guards, step: int) -> None:
    """Raise InputError where a figure is beyond its limit; warn of a large gap between engine and trainer.

    `engine_gap_mean`: nats a token between the log-probabilities of the engine that sampled and the trainer's at the
    start of the round. `ratio_max`: the largest rho of Eq. 1. `ess`: (sum_t rho_t)^2 / (T sum_t rho_t^2).
    """
    for key, limit in LIMITS.items():
        bound, value = getattr(guards, key), metrics.get(limit.figure)
        if bound is not None and value is not None and not limit.allows(value, bound):
            side, change = ("above", "raise") if limit.upper else ("below", "lower")
            raise InputError(
                f"step {step}: {limit.figure} is {value:.4g}, {side} update.guards.{key} ({bound:g}); the step was not "
                f"made and the policy not saved: {limit.remedy}; or {change} the limit",
                "beyond-guard",
            )
    gap = metrics.get("engine_gap_mean", 0.0)
    if gap > LARGE_GAP:
        log(f"Warning: step {step}: log-probabilities of the engine that sampled and of the trainer differ by "
            f"{gap:.3f} nats per token on average: {LIMITS['max_engine_gap'].remedy}")  # fmt: skip
