"""One round of updates, step by step, with its metrics."""

from argparse import Namespace
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import torch.distributed as dist

from scope import artifacts
from scope.observed import batch_metrics
from scope.tracking import Tracker
from scope.trainer import LossSettings, Trainer


def loss_settings(settings, losses: dict[str, Any]) -> LossSettings:
    """What the batch says about its losses, with the temperatures resolved."""
    at = settings.rollout.temperature
    resolved = {who: at if getattr(settings.logprob_temperature, who) == "rollout"
                else getattr(settings.logprob_temperature, who) for who in ("student", "teacher")}  # fmt: skip
    return LossSettings(**losses, student_temperature=resolved["student"], teacher_temperature=resolved["teacher"])


def run_and_log(trainer: Trainer, args: Namespace, settings) -> list[dict[str, Any]]:
    """Run the round's steps; returns metrics rows (artifacts.SCHEMAS) and, on rank 0, tracks each step live."""
    batch = artifacts.read(args.batch, "batch")
    done = (args.round - 1) * settings.update.steps_per_round
    by_step = [batch_metrics(rows) for _, rows in sorted(batch.group_by("step"), key=lambda item: item[0])]
    rows = []
    with _tracker(args, settings) as tracker:
        for observed, trained in zip(by_step, trainer.run_round(batch, done), strict=True):
            figures = {name: (observed | trained).get(name) for name in artifacts.METRICS}
            rows.append({"round": args.round, "step": done + len(rows) + 1, **figures})
            if tracker:
                tracker.log(rows[-1]["step"], {"round": args.round, **figures})
    return rows


def _tracker(args: Namespace, settings):
    if dist.get_rank():
        return nullcontext()
    metrics = Path(args.out_metrics)
    arm = metrics.parent.parent
    run = f"{arm.parent.parent.name}/{args.variant}/seed{args.seed}"
    return closing(Tracker(
        metrics.with_suffix(".jsonl"), mode=settings.tracking.wandb, project=settings.tracking.project, run=run,
        folder=arm / "wandb", config={"variant": args.variant, "seed": args.seed}))  # fmt: skip
