"""Measure the memory of real update steps beside what planning projects for them (scope/planning/memory.py).

Each shape is a model with random weights, trained for two optimizer steps of two full micro-batches each in a process
of its own. Measured is the peak over what the process has after its imports: on a GPU what torch has allocated, on the
CPU resident memory, with a C library that returns each large block at once, so that blocks kept for reuse do not count.

Example: OMP_NUM_THREADS=1 python dev/measure_memory.py
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import library  # noqa: F401
from bench.memory_cases import CASES, WARM_UP, Case
from scope import cli
from scope.planning.memory import CPU, CUDA, Pass, Training, score_bytes, update_bytes
from scope.planning.model_shape import ModelShape, shape_of
from scope.update.launch import join_ranks, leave_ranks

EXACT_BLOCKS = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}
"""glibc: blocks of 64 KiB and more are mapped on their own, and unmapped when they are freed."""
SCRATCH = 16_000_000
"""Bytes on the CPU that do not depend on the shape: workspaces, small blocks, rows of the batch."""
GB = 1e9


class Figures(NamedTuple):
    """What one process measured."""

    parameters: int
    """of the model without adapters"""
    adapters: int
    bytes: int
    device: str


def main() -> None:
    """Measure every case and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=int, nargs="+", metavar="NUMBER", help="rows of the table, from 1")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case:
        print(json.dumps(train(Case(*json.loads(args.case)))))
        leave_ranks()
    print("| # | model | H | layers | V | tokens | dtype | ZeRO | further | estimate, GB | measured, GB | error |")
    print("|---" * 12 + "|")
    for number, case in enumerate(CASES, 1):
        if not args.only or number in args.only:
            print(row(number, case, measure(case)), flush=True)


def row(number: int, case: Case, figures: Figures) -> str:
    """A row of the table."""
    estimate = estimated(case, figures)
    further = [*(["teacher"] if case.teacher else []), *(["checkpointing"] if case.checkpointing else [])]
    further += ["score"] if case.score else []
    further += [f"LoRA of rank {case.lora}"] if case.lora else []
    further += [case.attention] if case.attention != "auto" else []
    cells = (number, case.kind, case.hidden, case.layers, f"{case.vocabulary:,}", f"{case.tokens:,}", case.dtype,
             case.stage, ", ".join(further), f"{estimate / GB:.2f}", f"{figures.bytes / GB:.2f}",
             f"{estimate / figures.bytes - 1:+.0%}")  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def estimated(case: Case, figures: Figures) -> float:
    """Bytes by the model of planning."""
    shape = shape_of(case.config, figures.parameters)
    assert isinstance(shape, ModelShape)
    zero = {"stage": case.stage}
    adapters = figures.adapters if case.lora else None
    training = Training(case.dtype, 1, zero, Pass(case.tokens, case.attention), case.checkpointing, adapters)
    device, scratch = (CUDA, 0) if figures.device == "cuda" else (CPU, SCRATCH)
    if case.score:
        return scratch + score_bytes(shape, Pass(case.tokens, case.attention), case.dtype, device)
    return scratch + update_bytes(shape, training, shape if case.teacher else None, device).peak


def measure(case: Case) -> Figures:
    """Train in a fresh process."""
    command = [sys.executable, __file__, "--case", json.dumps(case)]
    done = subprocess.run(command, env=os.environ | EXACT_BLOCKS, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise RuntimeError(f"{case}: {done.stderr[-2000:]}")
    return Figures(*json.loads(done.stdout.splitlines()[-1]))


def train(case: Case) -> Figures:
    """Two steps of two micro-batches; the peak of this process over what it had after the steps of a tiny model."""
    join_ranks(1)
    import torch

    run_steps(WARM_UP._replace(dtype=case.dtype, stage=case.stage))
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        size, adapters, of_steps = run_steps(case)
        return Figures(size, adapters, max(of_steps, torch.cuda.max_memory_allocated()) - before, "cuda")
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # VmHWM is the peak from here
    size, adapters, _ = run_steps(case)
    return Figures(size, adapters, resident("VmHWM") - before, "cpu")


def run_steps(case: Case) -> tuple[int, int, int]:
    """Train, or score, as the stage does; returns the numbers of parameters of model and adapters, and the largest peak
    of a step on a GPU.

    torch counts the peak of each step anew.
    """
    from scope.config.training import Lora, Update
    from scope.models.isolation import packing_of
    from scope.models.packed_forward import score_pairs
    from scope.models.pair import Pair
    from scope.planning.take import take
    from scope.update.execution import Execution
    from scope.update.lora import add_adapters
    from scope.update.loss_settings import LossSettings
    from scope.update.recipe import UpdateSettings
    from scope.update.trainer import Trainer

    model, teacher = random_model(case), random_model(case) if case.teacher else None
    size = sum(parameter.numel() for parameter in model.parameters())
    if case.score:
        pairs = [Pair(*ids) for ids in batch(case).select("prompt_token_ids", "response_token_ids").iter_rows()]
        budget = packing_of(model, case.tokens, case.attention).tokens
        list(score_pairs(model, pairs, temperature=0.6, budget=budget))
        return size, 0, 0
    section = Update(
        steps_per_round=2,
        prompts_per_step=2,
        learning_rate=1e-6,
        micro_batch_tokens=case.tokens,
        checkpoint_activations=case.checkpointing,
        attention=case.attention,
        lora=Lora(rank=case.lora) if case.lora else None,
        deepspeed={"zero_optimization": {"stage": case.stage}},
    )
    loss = LossSettings("full" if case.teacher else "sampled", None, None, None, 0.6, 0.6)
    parts = take(UpdateSettings, section), take(Execution, section)
    if parts[0].lora:
        add_adapters(model, parts[0].lora, seed=0)
    adapters = sum(parameter.numel() for parameter in model.parameters()) - size
    trainer = Trainer(model, *parts, case.dtype, loss, teacher)
    peaks = [int(metrics.get("peak_gpu_gb", 0) * GB) for metrics in trainer.run_round(batch(case), 0)]
    return size, adapters, max(peaks)


def resident(name: str) -> int:
    """Bytes of this process by /proc: resident now (VmRSS), or at its peak (VmHWM)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def random_model(case: Case) -> Any:
    """A model with random weights, as the stage loads it."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from scope.models.load import device

    made = AutoModelForCausalLM.from_config(AutoConfig.for_model(**case.config), dtype=getattr(torch, case.dtype))
    return made.to(device()).eval()


def batch(case: Case) -> Any:
    """Two steps of two micro-batches, each of `rows` rows of equal length."""
    import polars as pl

    from scope.artifacts.schemas.batch import BATCH

    length = case.tokens // case.rows
    response = length - 8
    ids = [number % case.vocabulary for number in range(response)]
    rows = [
        {"step": step, "prompt_id": f"p{step}", "sample_index": index, "prompt_token_ids": ids[:8],
         "response_token_ids": ids, "logprobs": [-1.0] * response, "scorer_logprobs": [-1.0] * response,
         "correct": False, "truncated": False, "path": "incorrect", "loss": "opd", "weight": 1.0, "advantage": None,
         "normaliser": float(2 * case.rows * response)}
        for step in range(2) for index in range(2 * case.rows)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=BATCH.empty().schema)


if __name__ == "__main__":
    cli.run(main)
