"""Accuracy of each policy with intervals over problems, and its paired difference from the base policy.

A *cell* is one policy's samples on one benchmark under one sampling; its values are (P,) arrays, one entry a
problem, so that seeds can be averaged and policies subtracted problem by problem.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import polars as pl

from scope.evaluate.metrics import best_at_k_per_problem, bootstrap_interval, pass_at_k_per_problem, share_interval
from scope.report.consistency import CELL

Values = dict[str, np.ndarray]


class Cell(NamedTuple):
    """Whose samples: seed is None for base, teacher and the mean over seeds."""

    sampling: str
    benchmark: str
    policy: str
    seed: int | None
    round: int | None


def sample_counts(n: int) -> list[int]:
    """The k of pass@k: powers of two below n, and n."""
    return [2**power for power in range(n.bit_length()) if 2**power < n] + [n]


def cell_values(evaluations: pl.DataFrame, resamples: int) -> dict[Cell, Values]:
    """Per-problem values of every cell; `evaluations` is sorted by cell, problem and sample."""
    return {
        Cell(*key): _values(samples, resamples) for key, samples in evaluations.partition_by(CELL, as_dict=True).items()
    }


def _values(samples: pl.DataFrame, resamples: int) -> Values:
    shape = (samples["prompt_id"].n_unique(), -1)
    correct = samples["correct"].to_numpy().reshape(shape)
    n = correct.shape[1]
    return {
        f"avg@{n}": correct.mean(axis=1),
        **{f"pass@{k}": pass_at_k_per_problem(correct, k) for k in sample_counts(n)},
        f"best@{n}": best_at_k_per_problem(correct, n, resamples=resamples),
        "tokens": samples["tokens"].to_numpy().reshape(shape).mean(axis=1),
        "truncated": (samples["finish_reason"] == "length").to_numpy().reshape(shape).mean(axis=1),
    }


def seed_means(cells: dict[Cell, Values]) -> dict[Cell, tuple[Values, int]]:
    """Values of each policy averaged over its seeds, and how many seeds these are."""
    groups: dict[Cell, list[Values]] = {}
    for cell, values in cells.items():
        groups.setdefault(cell._replace(seed=None), []).append(values)
    return {
        cell: ({name: np.mean([one[name] for one in seeds], axis=0) for name in seeds[0]}, len(seeds))
        for cell, seeds in groups.items()
    }


def accuracy(cells: dict[Cell, Values], resamples: int) -> pl.DataFrame:
    """One row per cell and figure, and per mean over seeds where there are several.

    Columns: those of a cell, seeds (how many it covers), pooled (the one row of its policy), final (its policy's last
    evaluated round), problems, metric, value, low, high (95 % over problems).
    """
    rows = []
    for cell, (values, seeds) in seed_means(cells).items():
        members = [key for key in cells if key._replace(seed=None) == cell]
        rows += [_rows(key, cells[key], resamples, seeds=1, pooled=seeds == 1) for key in members]
        rows += [_rows(cell, values, resamples, seeds=seeds, pooled=True)] * (seeds > 1)
    frame = pl.concat(rows)
    last = pl.col("round").max().over("policy")
    return frame.with_columns(final=pl.col("round").eq_missing(last))


def _rows(cell: Cell, values: Values, resamples: int, *, seeds: int, pooled: bool) -> pl.DataFrame:
    stacked = np.stack(list(values.values()), axis=1)
    low, high = share_interval(stacked, resamples=resamples)
    tokens = list(values).index("tokens")
    low[tokens], high[tokens] = bootstrap_interval(stacked[:, tokens], resamples=resamples)
    frame = pl.DataFrame({"metric": list(values), "value": stacked.mean(axis=0), "low": low, "high": high})
    labels = [pl.lit(cell.seed, pl.Int64).alias("seed"), pl.lit(cell.round, pl.Int64).alias("round")]
    texts = [pl.lit(getattr(cell, name)).alias(name) for name in ("sampling", "benchmark", "policy")]
    return frame.with_columns(
        *texts, *labels, seeds=pl.lit(seeds), pooled=pl.lit(pooled), problems=pl.lit(len(stacked))
    )


def by_place(accuracy: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The pooled rows by benchmark and sampling: title of the panel, and its rows."""
    places = accuracy.filter("pooled").partition_by("benchmark", "sampling", as_dict=True)
    return {f"{benchmark} at {sampling}": rows for (benchmark, sampling), rows in sorted(places.items())}


def differences(cells: dict[Cell, Values], arms: list[str], resamples: int, against: str = "base") -> list[dict]:
    """Each arm's last policy minus that of `against` on avg@n, a middle pass@k and pass@n, paired by problem.

    The middle k shows a loss of diversity where pass@n is saturated. Seeds are averaged.

    Rows: sampling, benchmark, policy, seeds, metric, base (of `against`), value, difference, low, high (95 % over
    problems), verdict.
    """
    means = seed_means(cells)
    bases = {(cell.sampling, cell.benchmark): means[cell][0] for cell in _last_cells(means, [against])}
    rows = []
    for cell in _last_cells(means, arms):
        values, seeds = means[cell]
        base = bases.get((cell.sampling, cell.benchmark), {})
        passes = [name for name in base if name.startswith("pass@")]
        compared = dict.fromkeys([*base][:1] + passes[len(passes) // 2 :][:1] + passes[-1:])
        rows += [_difference(cell, seeds, name, base[name], values[name], resamples) for name in compared]
    return rows


def _last_cells(cells: Iterable[Cell], arms: list[str]) -> list[Cell]:
    """Cells of each arm's last evaluated round, in the order of the arms; the base policy has no rounds."""
    own = {arm: [cell for cell in cells if cell.policy == arm] for arm in arms}
    return [cell for arm in arms for cell in own[arm] if (cell.round or 0) == max(one.round or 0 for one in own[arm])]


def _difference(cell: Cell, seeds: int, metric: str, base: np.ndarray, values: np.ndarray, resamples: int) -> dict:
    low, high = share_interval(values - base, bounds=(-1.0, 1.0), resamples=resamples)
    verdict = "gain" if low > 0 else "loss" if high < 0 else "none"
    return {
        **cell._asdict(),
        "seeds": seeds,
        "metric": metric,
        "base": base.mean(),
        "value": values.mean(),
        "difference": (values - base).mean(),
        "low": low,
        "high": high,
        "verdict": verdict,
    }
