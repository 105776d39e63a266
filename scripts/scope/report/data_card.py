"""The data card: the problems of training and benchmarks, their issues, and the forms of their answers."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

import polars as pl

from scope.report import charts
from scope.report.answer_forms import FORMS, LARGEST_GUESS, form, guessable
from scope.report.load import ArtifactRows
from scope.report.recipe import Origin
from scope.report.style import form_colours

MOST_SOURCES = 4
MOST_ISSUES = 50


def data_card(
    problems: list[ArtifactRows], issues: list[ArtifactRows], origins: Mapping[str, Origin]
) -> dict[str, Any]:
    """The card of training and of each benchmark, in this order; `origins` holds their datasets and licences."""
    sets = [_describe(one, origins) for one in problems]
    shares = pl.DataFrame(
        [
            {"set": one["name"], "form": kind, "problems": count, "value": count / one["problems"]}
            for one in sets
            for kind, count in one["forms"].items()
        ]
    )
    colours = {kind: colour for kind, colour in form_colours(FORMS).items() if kind in set(shares["form"])}
    chart = charts.in_report(charts.form_bars(shares, [one["name"] for one in sets], colours))
    return {
        "sets": sets,
        "missing_bos": next((one["missing_bos"] for one in sets if one["missing_bos"]), None),
        "forms": {"title": "Forms of answers, share of problems", "spec": chart},
        "form_colours": colours,
        "issues": [listed for one in issues if (listed := _listed(one))["rows"]],
        "largest_guess": LARGEST_GUESS,
    }


def _describe(problems: ArtifactRows, origins: Mapping[str, Origin]) -> dict[str, Any]:
    made, rows = problems.labels("split", "read", "issues"), problems.rows
    forms = [form(*row) for row in rows.select("domain", "answer", "tests").iter_rows()]
    guesses = [guessable(*pair) for pair in zip(forms, rows["answer"], strict=True)]
    lengths = rows["prompt_token_ids"].list.len()
    stated = origins.get(made["split"])
    return {
        "name": made["split"],
        "problems": rows.height,
        "read": made["read"],
        "issues": made["issues"],
        "missing_bos": problems.metadata.get("missing_bos"),  # prompts of earlier versions do not record it
        "forms": Counter(forms),
        "guessable": sum(guesses) / rows.height if rows["domain"][0] == "math" else None,
        "commonest": _commonest(rows),
        "tokens": [int(cast(float, lengths.quantile(share, "nearest"))) for share in (0.5, 0.95, 1.0)],
        "sources": _sources(rows["source"]),
        "licence": (stated and stated.licence) or "not stated",
        "dataset": stated and stated.dataset,
    }


def _commonest(rows: pl.DataFrame) -> dict[str, Any] | None:
    """The most common answer and its share; None in domains that do not compare answers."""
    if rows["domain"][0] != "math":
        return None
    answer, count = min(Counter(rows["answer"]).items(), key=lambda item: (-item[1], item[0]))
    return {"answer": answer, "share": count / rows.height}


def _sources(column: pl.Series) -> list[str]:
    counts = sorted(Counter(column).items(), key=lambda item: (-item[1], item[0]))
    if len(counts) > MOST_SOURCES and counts[0][1] == 1:
        return [f"{len(counts):,}, each with one problem"]
    others = [f"{len(counts) - MOST_SOURCES} others"] if len(counts) > MOST_SOURCES else []
    return [f"{name} {count:,}" for name, count in counts[:MOST_SOURCES]] + others


def _listed(issues: ArtifactRows) -> dict[str, Any]:
    rows = issues.rows
    return {
        "name": issues.labels("split")["split"],
        "rows": rows.head(MOST_ISSUES).to_dicts(),
        "all": rows.height,
        "file": str(issues.path),
    }
