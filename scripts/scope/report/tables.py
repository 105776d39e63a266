"""Frames as rows of text, in the order and with the headings of the report."""

from typing import Any

import polars as pl

from scope.report.style import DASH, percent

MOST_SHOWN_K = 16


def accuracy_tables(accuracy: pl.DataFrame, policies: list[str], samplings: list[str]) -> list[dict[str, Any]]:
    """One table per benchmark and sampling: the last policy of each arm beside base and teacher."""
    last = accuracy.filter("final")
    places = [(benchmark, sampling) for benchmark in last["benchmark"].unique().sort() for sampling in samplings]
    groups = last.partition_by("benchmark", "sampling", as_dict=True)
    return [
        {"benchmark": place[0], "sampling": place[1], **_table(groups[place], policies)}
        for place in places
        if place in groups
    ]


def _table(group: pl.DataFrame, policies: list[str]) -> dict[str, Any]:
    metrics = [metric for metric in group["metric"].unique(maintain_order=True) if _is_shown(metric, group)]
    rows = [
        {
            "policy": policy,
            "seed": _seed(rows),
            "round": rows["round"][0],
            "pooled": rows["pooled"][0],
            "cells": [_cell(metric, rows) for metric in metrics],
        }
        for policy in policies
        for rows in group.filter(pl.col("policy") == policy).partition_by("seed", "seeds")
    ]
    return {"headings": [_heading(metric) for metric in metrics], "rows": rows, "problems": group["problems"][0]}


def _is_shown(metric: str, group: pl.DataFrame) -> bool:
    n = max(int(name.removeprefix("avg@")) for name in group["metric"] if name.startswith("avg@"))
    k = int(metric.removeprefix("pass@")) if metric.startswith("pass@") else n
    return k <= MOST_SHOWN_K or k == n


def _heading(metric: str) -> dict[str, str]:
    if metric == "tokens":
        return {"name": "tokens", "unit": "mean"}
    if metric.startswith("best@"):
        return {"name": metric, "unit": "bootstrap, biased, %"}
    return {"name": metric, "unit": "%"}


def _seed(rows: pl.DataFrame) -> str:
    if rows["seeds"][0] > 1:
        return f"mean of {rows['seeds'][0]}"
    return DASH if rows["seed"][0] is None else str(rows["seed"][0])


def _cell(metric: str, rows: pl.DataFrame) -> dict[str, str]:
    show = "{:,.1f}".format if metric == "tokens" else percent
    row = rows.row(by_predicate=pl.col("metric") == metric, named=True)
    return {"value": show(row["value"]), "interval": f"{show(row['low'])}–{show(row['high'])}"}
