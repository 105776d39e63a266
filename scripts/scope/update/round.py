"""One round of updates, step by step, with its metrics."""

from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import torch.distributed as dist
from transformers import PreTrainedModel

from scope.artifacts import parquet
from scope.artifacts.folder import empty_folder, folder_of, open_folder, read_manifest, write_manifest
from scope.artifacts.labels import check_files, check_policy
from scope.artifacts.names import SEED
from scope.artifacts.partial import Unfinished, open_partial, say
from scope.artifacts.schemas.batch import BATCH
from scope.artifacts.schemas.metrics import COST_NAMES, METRIC_NAMES, METRICS, STEP_COSTS
from scope.artifacts.start import check_policy_before, place_of
from scope.artifacts.startup import log_startup_time
from scope.errors import InputError
from scope.method.batch_metrics import batch_metrics
from scope.models.generation import copy_generation_config
from scope.models.load import load_model, load_tokenizer
from scope.models.pack_plan import log_long_rows
from scope.models.token_ids import token_ids
from scope.update.checkpoints import Checkpoints, from_first_rank
from scope.update.deepspeed_config import deepspeed_config
from scope.update.execution import Execution
from scope.update.log import log
from scope.update.loss_settings import LossSettings
from scope.update.micro_batch import lengths_of
from scope.update.peak import peak_tflops
from scope.update.recipe import UpdateRecipe
from scope.update.sharded_load import sharded_load
from scope.update.tracking import Tracker
from scope.update.trainer import Trainer


def make_trainer(args: Namespace, settings: UpdateRecipe, execution: Execution) -> Trainer:
    """The trainer with policy, optimizer state and, for the exact KL, the teacher loaded."""
    check_files([args.batch], args)
    check_policy_before(args.policy, args)
    if args.state:
        check_policy(args.state, args.arm, args.seed, args.round - 1)
    losses = loss_settings(settings, parquet.metadata(args.batch)["losses"])
    if losses.kl == "full" and not args.teacher:
        raise InputError("objective.kl full needs the teacher's distribution: give --teacher", "missing-argument")
    dtype = settings.models.dtype
    teacher = load_model(_opened(args.teacher), dtype) if losses.kl == "full" else None
    folder = _opened(args.policy)
    tokens, peak = token_ids(load_tokenizer(folder)), peak_tflops()
    model = trained_model(folder, args, settings, execution)
    trainer = Trainer(model, settings.update, execution, dtype, losses, teacher, tokens, peak)
    if args.state:
        trainer.load_state(_opened(args.state))
    return trainer


def trained_model(policy: Path, args: Namespace, settings: UpdateRecipe, execution: Execution) -> PreTrainedModel:
    """The policy; with LoRA the base with fresh adapters, to which a state brings those of the policy."""
    lora, dtype = settings.update.lora, settings.models.dtype
    if lora and not args.base:
        raise InputError("update.lora trains adapters of the student: give its manifest as --base", "missing-argument")
    with sharded_load(deepspeed_config(settings.update, execution, dtype)):
        model = load_model(_opened(args.base) if lora else policy, dtype)
    if lora:
        from scope.update.lora import add_adapters

        add_adapters(model, lora, args.seed)
    return model


def _opened(manifest: str) -> Path:
    """The folder behind a manifest. Its files are hashed by the first rank alone, for all ranks that read them."""
    return from_first_rank(lambda: open_folder(manifest))


def save(trainer: Trainer, args: Namespace, rows: list[dict[str, Any]], work: Unfinished) -> None:
    """Write policy and state from all ranks, then, from rank 0, manifests, costs and metrics; clear what is done."""
    first = dist.get_rank() == 0
    out_policy, out_state = (empty_folder(m) if first else Path(m).parent for m in (args.out_policy, args.out_state))
    dist.barrier()
    trainer.save_policy(out_policy)
    trainer.save_state(out_state)
    dist.barrier()
    if first:
        provenance = {"recipe": args.recipe, "inputs": inputs_of(args), "execution": trainer.execution.model_dump()}
        place = place_of(args)
        load_tokenizer(folder_of(args.policy)).save_pretrained(out_policy)
        copy_generation_config(folder_of(args.policy), out_policy)
        write_manifest(args.out_state, **provenance, **place)
        write_manifest(args.out_policy, **provenance, **place)
        if args.repeats:
            log(compare(args.out_policy, args.repeats))
        if args.out_costs:
            parquet.write(args.out_costs, STEP_COSTS, rows, **provenance, **place)
        parquet.write(args.out_metrics, METRICS, rows, **provenance, **place)
        work.clear()
    dist.barrier()


def inputs_of(args: Namespace) -> list[str]:
    """The files that an update is made from."""
    return [path for path in (args.batch, args.policy, args.base, args.state, args.teacher) if path]


def unfinished(args: Namespace) -> Unfinished:
    """What an attempt before has done of this update, on all ranks."""
    output = Path(args.out_metrics).with_name("update")
    return from_first_rank(lambda: open_partial(output, args.recipe, inputs_of(args), **place_of(args)))


def compare(manifest: str, original: str) -> str:
    """Whether a recomputed policy has the files of the original, as one line."""
    made, first = map(read_manifest, (manifest, original))
    other = sorted(name for name, digest in first["files"].items() if made["files"].get(name) != digest)
    if not other:
        return f"{manifest}: equal to {original}, bit by bit"
    cause = "the arithmetic of this machine, of its libraries or of its parallel sums is another one"
    if made.get("execution") != first.get("execution"):
        cause = f"it was computed with update: {first.get('execution')}, this one with {made.get('execution')}"
    return f"Warning: {manifest}: {', '.join(other)} differ from {original}: {cause}; the policies agree up to rounding"


def loss_settings(settings: UpdateRecipe, losses: dict[str, Any]) -> LossSettings:
    """The losses of the batch, with the temperatures."""
    student, teacher = settings.student_temperature, settings.teacher_temperature
    return LossSettings(**losses, student_temperature=student, teacher_temperature=teacher)


def run_and_log(trainer: Trainer, args: Namespace, settings: UpdateRecipe, work: Unfinished) -> list[dict[str, Any]]:
    """Run the steps of the round that no checkpoint covers, keeping checkpoints; on rank 0, track each step live.

    Returns the rows of metrics and costs (schemas/metrics.py) of all steps.
    """
    batch, checkpoints = parquet.read(args.batch, BATCH), Checkpoints(work)
    done, total = (args.round - 1) * settings.update.steps_per_round, batch["step"].n_unique()
    checkpoint = checkpoints.newest()
    rows = [_metrics_row(args.round, row) for row in checkpoint.rows] if checkpoint else []
    if not dist.get_rank():
        log_startup_time()
        log_long_rows(lengths_of(batch), trainer.pack_tokens)
        if checkpoint:
            say(f"{len(rows):,} of {total:,} steps are kept from an earlier attempt")
        if not total:
            log("Warning: no rollout is left to train on: nothing is trained in this round")
    with _tracked(args, work) as track:
        for row in rows:
            track(row)
        for trained in trainer.run_round(batch, done, checkpoint):
            figures = batch_metrics(batch.filter(step=trained["step"] - done - 1)) | trained
            rows.append(_metrics_row(args.round, figures))
            track(rows[-1])
            warn_if_untrained(rows[-1])
            if len(rows) < total and checkpoints.due():
                checkpoints.keep(trainer.save_state, rows)
    return rows


def warn_if_untrained(row: dict[str, Any]) -> None:
    """Write to the stage's log, once for all ranks, that a step trained nothing, or had cut-off responses only."""
    causes = {
        "nothing is trained in this step: no rollout counts in the loss": row["trained"] == 0,
        "nothing is trained in this step: the learning rate is 0": row["learning_rate"] == 0,
        "every response of this step was cut off at rollout.max_tokens": row["truncated"] == 1,
    }
    for cause in (cause for cause, holds in causes.items() if holds):
        log(f"Warning: step {row['step']}: {cause}")


def _metrics_row(round_: int, figures: dict[str, Any]) -> dict[str, Any]:
    return {"round": round_, **{name: figures.get(name) for name in ("step", *METRIC_NAMES, *COST_NAMES)}}


@contextmanager
def _tracked(args: Namespace, work: Unfinished) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Context: what to call with each row of metrics; it does something on rank 0 alone."""
    if dist.get_rank():
        yield lambda row: None
        return
    live = Path(args.out_live)
    folder = live.parent.parent
    run = f"{folder.parent.parent.name}/{args.arm}/{SEED}{args.seed}"
    labels = {"arm": args.arm, "seed": args.seed}
    with closing(Tracker(live, work, run=run, folder=folder, config=labels)) as tracker:
        yield tracker.log
