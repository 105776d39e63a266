"""Seconds and memory of jobs, from the timing files that Snakemake writes (its `benchmark:` files), and of steps."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from scope.artifacts.names import SHARED
from scope.artifacts.place import parse_timing
from scope.artifacts.stages import STAGES
from scope.errors import InputError

SCHEMA = {
    "arm": pl.String,
    "seed": pl.Int64,
    "round": pl.Int64,
    "stage": pl.String,
    "seconds": pl.Float64,
    "memory": pl.Float64,
}

OF_STEPS = {
    "tokens_per_second": ("tokens", "per second"),
    "seconds_old_logprobs": ("old log-probabilities", "seconds"),
    "seconds_forward": ("forward", "seconds"),
    "seconds_backward": ("backward", "seconds"),
    "seconds_optimizer": ("optimizer", "seconds"),
    "peak_gpu_gb": ("GPU memory", "peak, GB"),
    "peak_resident_gb": ("resident memory", "peak, GB"),
    "mfu": ("MFU", "share of the peak"),
}
"""Title and unit of what a step costs (scope/update/step_cost.py), in the order of the report."""


class Runs(NamedTuple):
    """Whose jobs count: others were left by earlier settings."""

    arms: list[str]
    seeds: list[int]
    rounds: int
    shared: Collection[str]
    """Folders of shared rollouts, by name."""

    def include(self, file: Path) -> bool:
        """Whether a timing file, given its path below the folder of timings, is of one of these runs."""
        timed = parse_timing(file)
        place = file.parts[1] if timed.arm == SHARED and len(file.parts) > 2 else None
        return (
            (timed.seed is None or timed.seed in self.seeds)
            and (timed.round is None or timed.round <= self.rounds)
            and (place is None or place in self.shared)
        )


def read_timings(folder: Path | None, runs: Runs) -> pl.DataFrame:
    """One row per job: arm ("shared", then the arms), seed, round, stage, seconds, memory (MB, peak).

    Reads the timing files below `folder`. Text after a stage's name and `_` or `-` is ignored, and so are jobs of no
    run of the report.
    Raises InputError for a file without the columns `s` and `max_rss`.
    """
    folders = [SHARED, *runs.arms]
    files = [file for arm in folders for file in sorted((folder / arm).rglob("*.tsv"))] if folder else []
    jobs = [_job(file, folder) for file in files if folder and runs.include(file.relative_to(folder))]
    return pl.DataFrame(jobs, schema=SCHEMA).with_columns(pl.col("arm").cast(pl.Enum(folders)))


def _job(file: Path, folder: Path) -> dict:
    relative, rows = file.relative_to(folder), pl.read_csv(file, separator="\t", infer_schema=False)
    if not {"s", "max_rss"} <= set(rows.columns):
        raise InputError(
            f"{file}: a timing file has the columns s and max_rss; delete it and rerun its job", "wrong-columns"
        )
    timed = parse_timing(relative)
    figures = rows.select(pl.col("s", "max_rss").cast(pl.Float64, strict=False))
    return {
        "arm": timed.arm,
        "seed": timed.seed,
        "round": timed.round,
        "stage": _stage(timed.job.split(".")[0]),
        "seconds": figures["s"].sum(),
        "memory": figures["max_rss"].max(),
    }


def _stage(name: str) -> str:
    """`score` for score-teacher-all: the stage at the start of the name, or the whole name without one."""
    return next((stage for stage in STAGES if re.match(rf"{stage}([_-]|$)", name)), name)


def stages(timings: pl.DataFrame) -> list[str]:
    """The stages that took time, in the order of the pipeline; other jobs last."""
    found = set(timings["stage"])
    return [stage for stage in STAGES if stage in found] + sorted(found - set(STAGES))


def totals(timings: pl.DataFrame) -> list[dict]:
    """Per stage, then in total: jobs, seconds by arm, memory (MB, the largest job's peak)."""
    arms = timings["arm"].unique().sort()
    groups = {stage: timings.filter(pl.col("stage") == stage) for stage in stages(timings)}
    groups |= {"total": timings} if timings.height else {}
    return [
        {
            "stage": stage,
            "jobs": jobs.height,
            "memory": jobs["memory"].max(),
            "seconds": {name: _seconds(jobs, name) for name in arms},
        }
        for stage, jobs in groups.items()
    ]


def _seconds(jobs: pl.DataFrame, arm: str) -> float | None:
    own = jobs.filter(pl.col("arm") == arm)
    return float(own["seconds"].sum()) if own.height else None


def by_round(timings: pl.DataFrame) -> pl.DataFrame:
    """Per arm, place (the round, or "once" for jobs of none) and stage: seconds over seeds and shards."""
    place = pl.col("round").cast(pl.String).fill_null("once")
    grouped = timings.with_columns(place=place).group_by("arm", "place", "stage", "round")
    return grouped.agg(pl.col("seconds").sum()).sort("arm", "round", "stage", nulls_last=False)


def costs_of_steps(costs: pl.DataFrame) -> dict[str, Any]:
    """`headings`: title and unit of each figure that any step has; `rows`: per arm, its steps and their medians."""
    names = [name for name in OF_STEPS if costs[name].null_count() < costs.height]
    arms = costs.group_by("arm", maintain_order=True).agg(pl.len().alias("steps"), pl.col(names).median())
    rows = [{"arm": arm, "steps": steps, "medians": medians} for arm, steps, *medians in arms.iter_rows()]
    return {"headings": [OF_STEPS[name] for name in names], "rows": rows}
