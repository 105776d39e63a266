"""Artifacts of many runs as one frame each, labelled by the notes in their Parquet metadata."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from scope.artifacts import parquet
from scope.errors import InputError

LABELS = {"policy": pl.String, "variant": pl.String, "seed": pl.Int64, "round": pl.Int64}
GRADES = ["sampling", "benchmark", "problem_id", "sample_index", "correct", "reason", "tokens", "finish_reason"]
"""Columns of an evaluation without the responses themselves."""
CELL = ["sampling", "benchmark", "policy", "seed", "round"]


def notes(path: str | Path, *names: str) -> dict[str, Any]:
    """The named notes of an artifact. Raises InputError where one was never written."""
    stored = parquet.metadata(path)
    missing = [name for name in names if name not in stored]
    if missing:
        raise InputError(f"{path}: its metadata lack {', '.join(missing)}; run its stage again with this version")
    return {name: stored[name] for name in names}


def read_labelled(
    paths: Iterable[str | Path], kind: str, *labels: str, columns: list[str] | None = None
) -> pl.DataFrame:
    """All rows of files of one kind, their labels as further columns; without files, a frame without rows."""
    empty = pl.from_arrow(parquet.SCHEMAS[kind].empty_table())
    frames = [_label(empty.select(columns or pl.all()), dict.fromkeys(labels))]
    frames += [_label(parquet.read(path, kind, columns), notes(path, *labels)) for path in paths]
    return pl.concat(frames)


def _label(rows: pl.DataFrame, values: dict[str, Any]) -> pl.DataFrame:
    return rows.with_columns(pl.lit(value, LABELS[name]).alias(name) for name, value in values.items())


def read_evaluations(paths: Iterable[str | Path], samplings: Iterable[str]) -> pl.DataFrame:
    """Graded samples of all policies, sorted. Raises InputError unless all policies answered the same problems."""
    samples = read_labelled(paths, "evaluation", "policy", "seed", "round", columns=GRADES)
    unknown = set(samples["sampling"]) - set(samplings)
    if unknown:
        raise InputError(f"--evaluations: sampling {sorted(unknown)} is not in evaluation.samplings; evaluate again")
    keys = [*CELL, "problem_id", "sample_index"]
    samples = samples.sort(keys, nulls_last=False)
    _check_comparable(samples, keys)
    return samples


def _check_comparable(samples: pl.DataFrame, keys: list[str]) -> None:
    repeated = samples.filter(pl.struct(keys).is_duplicated())
    if repeated.height:
        row = repeated.row(0, named=True)
        raise InputError(f"--evaluations: two files hold samples of {', '.join(f'{key} {row[key]}' for key in CELL)}")
    sampled = samples.group_by([*CELL, "problem_id"]).len("samples")
    uneven = (pl.col("samples").n_unique() > 1) | (
        pl.len() != pl.struct("policy", "seed", "round").n_unique() * pl.col("problem_id").n_unique()
    )
    groups = sampled.group_by("sampling", "benchmark").agg(uneven.alias("uneven")).filter("uneven").sort("benchmark")
    if groups.height:
        raise InputError(f"--evaluations: on {groups['benchmark'][0]} at {groups['sampling'][0]} the problems, or the "
                         "samples per problem, differ between policies; evaluate them all again")  # fmt: skip


def check_runs(
    frame: pl.DataFrame, label: str, arms: list[str], seeds: list[int], others: tuple[str, ...] = ()
) -> None:
    """Make sure that a frame's rows are of the recipe's arms and seeds, or of `others`, which have no seed.

    Raises InputError that names the first of another run: its file lies where none of its kind belongs.
    """
    expected = [(arm, seed) for arm in arms for seed in seeds] + [(other, None) for other in others]
    for run in frame.select(label, "seed").unique(maintain_order=True).rows():
        if run not in expected:
            raise InputError(f"a file of {label} {run[0]}, seed {run[1]}, is none of the recipe's runs (arms "
                             f"{', '.join(arms)}; seeds {', '.join(map(str, seeds))}); `make verify-results` names a "
                             "file that lies in a wrong place")  # fmt: skip


def read_metrics(paths: Iterable[str | Path]) -> pl.DataFrame:
    """Figures of every optimizer step of every arm and seed, in order."""
    return read_labelled(paths, "metrics", "variant", "seed").sort("variant", "seed", "step")
