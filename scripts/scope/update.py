"""One round of updates, step by step, with its metrics."""

import sys
from argparse import Namespace
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import torch.distributed as dist

from scope import artifacts, folders, places
from scope.errors import InputError
from scope.models import load_model, load_tokenizer
from scope.observed import batch_metrics
from scope.tracking import Tracker
from scope.trainer import LossSettings, Trainer


def make_trainer(args: Namespace, settings) -> Trainer:
    """The trainer with policy, optimizer state and, for the exact KL, the teacher loaded."""
    places.check_files([args.batch], args)
    for manifest in filter(None, (args.policy, args.state)):
        places.check_policy(manifest, args.variant, args.seed, args.round - 1)
    losses = loss_settings(settings, artifacts.metadata(args.batch)["losses"])
    if losses.kl == "full" and not args.teacher:
        raise InputError("objective.kl full needs the teacher's distribution: give --teacher")
    dtype = settings.models.dtype
    teacher = load_model(folders.open_folder(args.teacher), dtype) if losses.kl == "full" else None
    policy = load_model(folders.open_folder(args.policy), dtype)
    trainer = Trainer(policy, settings.update, dtype, losses, teacher)
    if args.state:
        _check_state(args.state, settings.update)
        trainer.load_state(folders.open_folder(args.state))
    return trainer


def _check_state(manifest: str, update) -> None:
    """A DeepSpeed state loads only where as many ranks and the same ZeRO stage take it up."""
    written, wanted = folders.read_manifest(manifest).get("cut"), state_cut(update)
    if written != wanted:
        raise InputError(f"{manifest}: written as {written}, to be taken up as {wanted}; set update back, or run the "
                         "rounds again from the first")  # fmt: skip


def state_cut(update) -> dict[str, Any]:
    """What the files of an optimizer state depend on beside its content."""
    return {"ranks": update.ranks, "deepspeed": update.deepspeed.as_dict()}


def save(trainer: Trainer, args: Namespace, metrics: list[dict[str, Any]]) -> None:
    """Write policy and state from all ranks, then, from rank 0, the manifests and the metrics."""
    first = dist.get_rank() == 0
    out_policy, out_state = (folders.fresh(m) if first else Path(m).parent for m in (args.out_policy, args.out_state))
    dist.barrier()
    trainer.save_policy(out_policy)
    trainer.save_state(out_state)
    dist.barrier()
    if first:
        provenance = {
            "recipe": args.recipe,
            "inputs": [path for path in (args.batch, args.policy, args.state, args.teacher) if path],
        }
        load_tokenizer(folders.locate(args.policy)).save_pretrained(out_policy)
        place = {"variant": args.variant, "seed": args.seed, "round": args.round}
        folders.seal(args.out_state, **provenance, **place, cut=state_cut(trainer.update))
        folders.seal(args.out_policy, **provenance, **place)
        if args.repeats:
            print(compare(args.out_policy, args.repeats), file=sys.stderr)
        artifacts.write(args.out_metrics, "metrics", metrics, **provenance, **place)
    dist.barrier()


def compare(manifest: str, original: str) -> str:
    """Whether a recomputed policy has the files of the original, as one line."""
    made, listed = (folders.read_manifest(path)["files"] for path in (manifest, original))
    other = sorted(name for name in listed if made.get(name) != listed[name])
    if not other:
        return f"{manifest}: equal to {original}, bit by bit"
    return (f"Warning: {manifest}: {', '.join(other)} differ from {original}: the arithmetic of this machine, of its "
            "libraries or of its parallel sums is another one; the policies agree up to rounding")  # fmt: skip


def loss_settings(settings, losses: dict[str, Any]) -> LossSettings:
    """What the batch says about its losses, with the temperatures."""
    student, teacher = settings.student_temperature, settings.teacher_temperature
    return LossSettings(**losses, student_temperature=student, teacher_temperature=teacher)


def run_and_log(trainer: Trainer, args: Namespace, settings) -> list[dict[str, Any]]:
    """Run the round's steps; returns metrics rows (artifacts.SCHEMAS) and, on rank 0, tracks each step live."""
    batch = artifacts.read(args.batch, "batch")
    done = (args.round - 1) * settings.update.steps_per_round
    rows = []
    with _tracker(args) as tracker:
        for trained in trainer.run_round(batch, done):
            figures = batch_metrics(batch.filter(step=trained["step"] - done - 1)) | trained
            row = {"round": args.round, **{name: figures.get(name) for name in ("step", *artifacts.METRICS)}}
            rows.append(row)
            if tracker:
                tracker.log(row)
    return rows


def _tracker(args: Namespace):
    if dist.get_rank():
        return nullcontext()
    metrics = Path(args.out_metrics)
    arm = metrics.parent.parent
    run = f"{arm.parent.parent.name}/{args.variant}/seed{args.seed}"
    labels = {"variant": args.variant, "seed": args.seed}
    return closing(Tracker(metrics.with_suffix(".jsonl"), run=run, folder=arm, config=labels))
