"""The metrics that training logged at each optimizer step, and the warnings about them."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from scope.artifacts.schemas.metrics import METRIC_NAMES
from scope.report.figure_names import Figure


def series(metrics: pl.DataFrame, name: str) -> pl.DataFrame:
    """One figure of all runs: arm, seed, step, value; steps without a finite value left out."""
    return metrics.select("arm", "seed", "step", value=name).filter(pl.col("value").is_finite())


def one_step(metrics: pl.DataFrame, figures: Mapping[str, Figure]) -> dict[str, Any]:
    """A table of runs of one step: `runs`, and `rows` with title, unit and values of each figure that any logged."""
    runs = metrics.select("arm", "seed").rows()
    logged = [name for name in METRIC_NAMES if name in figures and metrics[name].null_count() < metrics.height]
    return {"runs": runs, "rows": [(*figures[name][:2], metrics[name].to_list()) for name in logged]}


def absent(metrics: pl.DataFrame, arms: list[str]) -> dict[str, list[str]]:
    """By metric, the arms that logged no finite value of it; metrics that every arm logged are left out."""
    missing = {name: [arm for arm in arms if arm not in set(series(metrics, name)["arm"])] for name in METRIC_NAMES}
    return {name: arms for name, arms in missing.items() if arms}


def warnings(metrics: pl.DataFrame, methods: dict[str, str]) -> list[str]:
    """Sentences about runs that ended with fewer correct rollouts than they began with, and about non-finite values."""
    return [
        sentence
        for (arm, seed), run in metrics.group_by(["arm", "seed"], maintain_order=True)
        for sentence in _run_warnings(run, f"{arm}, seed {seed}", rolls_out=methods.get(arm) != "kd")
    ]


def _run_warnings(run: pl.DataFrame, name: str, *, rolls_out: bool) -> list[str]:
    found = []
    shares = run["share_correct"].drop_nulls()
    if rolls_out and len(shares) > 1 and shares[-1] < shares[0]:
        found.append(
            f"{name}: {shares[-1]:.1%} of the last step's rollouts are correct, fewer than the "
            f"{shares[0]:.1%} of the first step's. See the signal on the incorrect path below."
        )
    for column in METRIC_NAMES:
        broken = run.filter(pl.col(column).is_finite().not_())
        if broken.height:
            found.append(
                f"{name}: {column} is not a finite number in {broken.height} of {run.height} steps, first in "
                f"step {broken['step'][0]}."
            )
    return found
