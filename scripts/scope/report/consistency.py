"""Checks that the files of a report belong together."""

import polars as pl

from scope.errors import InputError

CELL = ["sampling", "benchmark", "policy", "seed", "round"]


def check_comparable(samples: pl.DataFrame, keys: list[str]) -> None:
    """Make sure that all policies answered the same problems equally often, each sample once.

    Raises InputError that names the first benchmark, or policy, where they did not.
    """
    repeated = samples.filter(pl.struct(keys).is_duplicated())
    if repeated.height:
        row = repeated.row(0, named=True)
        raise InputError(
            f"--evaluations: two files hold samples of {', '.join(f'{key} {row[key]}' for key in CELL)}",
            "repeated-samples",
        )
    sampled = samples.group_by([*CELL, "prompt_id"]).len("samples")
    uneven = (pl.col("samples").n_unique() > 1) | (
        pl.len() != pl.struct("policy", "seed", "round").n_unique() * pl.col("prompt_id").n_unique()
    )
    groups = sampled.group_by("sampling", "benchmark").agg(uneven.alias("uneven")).filter("uneven").sort("benchmark")
    if groups.height:
        raise InputError(
            f"--evaluations: on {groups['benchmark'][0]} at {groups['sampling'][0]} the problems, or the "
            "samples per problem, differ between policies; evaluate all policies again",
            "different-samples",
        )


def check_runs(
    frame: pl.DataFrame, label: str, arms: list[str], seeds: list[int], others: tuple[str, ...] = ()
) -> None:
    """Make sure that a frame's rows are of the recipe's arms and seeds, or of `others`, which have no seed.

    Raises InputError that names the first of another run: its file is in the wrong folder.
    """
    expected = [(arm, seed) for arm in arms for seed in seeds] + [(other, None) for other in others]
    for run in frame.select(label, "seed").unique(maintain_order=True).rows():
        if run not in expected:
            raise InputError(
                f"a file of {label} {run[0]}, seed {run[1]}, is not one of the recipe's runs (arms "
                f"{', '.join(arms)}; seeds {', '.join(map(str, seeds))}); `make verify-results` lists "
                "files in a wrong folder",
                "no-such-run",
            )
