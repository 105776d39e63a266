"""The accuracy of one policy on all available benchmarks, in Markdown."""

from pathlib import Path
from typing import Any

import polars as pl

from scope.errors import InputError
from scope.report.accuracy import accuracy, cell_values
from scope.report.load import read_evaluations
from scope.report.tables import accuracy_tables

NOTE = "Brackets are 95 % intervals over problems. best@n samples with replacement: compare it only with best@n."


def summary(paths: list[Path], samplings: list[str], resamples: int, absent: list[str]) -> str:
    """A table with one row per benchmark and sampling, the counts of each verdict, and the missing benchmarks.

    Raises InputError where the files are of several policies, or hold samples twice.
    """
    evaluations = read_evaluations(paths, samplings)
    policies = evaluations.select("policy", "seed", "round").unique().rows()
    if len(policies) != 1:
        raise InputError(
            f"--evaluations: these files are of {len(policies)} policies; pass those of one", "several-policies"
        )
    (policy, seed, round_), frame = policies[0], accuracy(cell_values(evaluations, resamples), resamples)
    when = "" if round_ is None else f", seed {seed}, round {round_}"
    missing = [f"Not evaluated, because the problem file was not found: {', '.join(absent)}."] if absent else []
    table = _table(accuracy_tables(frame, [policy], samplings))
    paragraphs = [f"# {policy}{when}", NOTE, table, "## Verdicts", _reasons(evaluations), *missing]
    return "\n\n".join(paragraphs) + "\n"


def _table(tables: list[dict[str, Any]]) -> str:
    headings = [f"{heading['name']}, {heading['unit']}" for heading in tables[0]["headings"]]
    rows = [
        [
            table["benchmark"],
            table["sampling"],
            str(table["problems"]),
            *(f"{cell['value']} [{cell['interval']}]" for cell in table["rows"][0]["cells"]),
        ]
        for table in tables
    ]
    return markdown(["benchmark", "sampling", "problems", *headings], rows)


def _reasons(evaluations: pl.DataFrame) -> str:
    keys = ["benchmark", "sampling", "reason"]
    rows = evaluations.group_by(keys).len("samples").sort(*keys[:2], "samples", descending=[False, False, True])
    return markdown([*keys, "samples"], [list(map(str, row)) for row in rows.rows()])


def markdown(headings: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [headings, ["---"] * len(headings), *rows])
