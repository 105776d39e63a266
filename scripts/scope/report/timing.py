"""Seconds and memory of each job, from the benchmark files that the workflow engine writes."""

import re
from pathlib import Path

import polars as pl

from scope.errors import InputError

SCHEMA = {"variant": pl.String, "seed": pl.Int64, "round": pl.Int64, "stage": pl.String, "seconds": pl.Float64,
          "memory": pl.Float64}  # fmt: skip


def read_timings(folder: Path | None) -> pl.DataFrame:
    """One row per job: variant ("shared" for what arms share), seed, round, stage, seconds, memory (MB, peak).

    Reads FOLDER/{variant}/seed{seed}/round{round}/{stage}[.{shard}].tsv, with seed and round where there are any.
    Raises InputError for a file without the columns `s` and `max_rss`.
    """
    files = sorted(folder.rglob("*.tsv")) if folder else []
    return pl.DataFrame([_job(file, file.relative_to(folder)) for file in files], schema=SCHEMA)


def _job(file: Path, relative: Path) -> dict:
    rows = pl.read_csv(file, separator="\t", infer_schema=False)
    if not {"s", "max_rss"} <= set(rows.columns):
        raise InputError(f"{file}: a benchmark file has the columns s and max_rss; delete it and run its job again")
    figures = rows.select(pl.col("s", "max_rss").cast(pl.Float64, strict=False))
    stage = relative.name.split(".")[0]
    return {
        "variant": relative.parts[0],
        "seed": _index("seed", relative),
        "round": _index("round", relative),
        "stage": relative.parent.name if re.fullmatch(r"(seed|round)\d+", stage) else stage,
        "seconds": figures["s"].sum(),
        "memory": figures["max_rss"].max(),
    }


def _index(word: str, path: Path) -> int | None:
    found = re.search(rf"\b{word}(\d+)\b", str(path))
    return int(found[1]) if found else None


def totals(timings: pl.DataFrame) -> pl.DataFrame:
    """Per variant and stage, longest first: jobs, seconds, memory (MB, the largest job's peak)."""
    sums = timings.group_by("variant", "stage").agg(
        pl.len().alias("jobs"), pl.col("seconds").sum(), pl.col("memory").max())  # fmt: skip
    return sums.sort("variant", "seconds", "stage", descending=[False, True, False])


def by_round(timings: pl.DataFrame) -> pl.DataFrame:
    """Per variant, place ("round 3", or "once" for jobs of no round) and stage: seconds over seeds and shards."""
    place = pl.when(pl.col("round").is_null()).then(pl.lit("once")).otherwise(pl.format("{}", pl.col("round")))
    grouped = timings.with_columns(place=place).group_by("variant", "place", "stage", "round")
    return grouped.agg(pl.col("seconds").sum()).sort("variant", "round", "stage", nulls_last=False)
