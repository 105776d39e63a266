"""Limits on a step's figures that stop an update before the step is made, and the gap that is worth a warning."""

import sys
from collections.abc import Mapping

import torch.distributed as dist

from scope.errors import InputError
from scope.update.recipe import Guards

LARGE_GAP = 0.1
"""Nats a token, on average; bfloat16 explains 0.02 on SmolLM2-135M (docs/clusters.md)."""


def check_guards(metrics: Mapping[str, float], guards: Guards, step: int) -> None:
    """Raise InputError where a figure is beyond its limit; warn of a large gap between engine and trainer.

    `engine_gap_mean`: nats a token between the log-probabilities of the engine that sampled and the trainer's at the
    start of the round. `ratio_max`: the largest rho of Eq. 1.
    """
    gap = metrics.get("engine_gap_mean", 0.0)
    for key, name in (("max_engine_gap", "engine_gap_mean"), ("max_ratio", "ratio_max")):
        limit, value = getattr(guards, key), metrics.get(name, 0.0)
        if limit is not None and value > limit:
            raise InputError(
                f"step {step}: {name} is {value:.4g}, above update.guards.{key} ({limit:g}); the step was not made and "
                f"the policy not saved: {REMEDIES[key]}, or raise the limit",
                "beyond-guard",
            )
    if gap > LARGE_GAP and not dist.get_rank():
        print(f"Warning: step {step}: log-probabilities of the engine that sampled and of the trainer differ by "
              f"{gap:.3f} nats per token on average: {REMEDIES['max_engine_gap']}", file=sys.stderr)  # fmt: skip


REMEDIES = {
    "max_engine_gap": "check that the engine serves this policy in models.dtype, set update.tis_cap to weigh tokens by "
    "min(pi_old / pi_engine, cap)",
    "max_ratio": "lower update.learning_rate or update.steps_per_round",
}
