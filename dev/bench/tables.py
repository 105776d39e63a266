"""Tables of figures in Markdown, between markers of a document."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.cases import Case
from scope.errors import InputError

Figures = dict[str, Any]
HEADER = (
    "| side | median, s | min–max, s | tokens/s | times the seconds | loaded, MB | added, MB | times added |\n"
    "|---|---|---|---|---|---|---|---|"
)


def table(case: Case, figures: Mapping[str, Sequence[Figures]]) -> str:
    """One line per side; its seconds and memory as multiples of the first side's."""
    tokens = case.rows.tokens
    first = _medians(figures[case.sides[0].name])
    lines = [HEADER]
    for side in case.sides:
        rows = figures[side.name]
        seconds = [row["seconds"] for row in rows]
        values = _medians(rows)
        lines.append(
            f"| {_label(side.name, rows[0]['options'], bool(side.choices))} | {values['seconds']:.2f} | "
            f"{min(seconds):.2f}–{max(seconds):.2f} | {tokens / values['seconds']:,.0f} | "
            f"{values['seconds'] / first['seconds']:.2f} | {values['loaded']:,.0f} | {values['added']:,.0f} | "
            f"{values['added'] / first['added']:.2f} |"
        )
    return "\n".join(lines)


def _medians(rows: Sequence[Figures]) -> dict[str, float]:
    return {
        "seconds": median(row["seconds"] for row in rows),
        "loaded": median(row["loaded_mb"] for row in rows),
        "added": median(row["peak_mb"] - row["loaded_mb"] for row in rows),
    }


def _label(name: str, options: Mapping[str, Any], chosen: bool) -> str:
    """The side, and the options that were found to be the fastest."""
    if not chosen:
        return name
    return f"{name} ({', '.join(f'{key} {value}' for key, value in options.items())}, the fastest)"


def details(case: Case, figures: Mapping[str, Sequence[Figures]]) -> str:
    """Rows and tokens of the case, the start of each side, and what both sides computed alike."""
    rows = case.rows
    length = f"{rows.low}" if rows.low == rows.high else f"{rows.low} to {rows.high}"
    starts = "; ".join(
        f"{side.name} {median(row['start_s'] for row in figures[side.name]):.1f} s" for side in case.sides
    )
    checks = {name: sorted({f"{row['check'][name]:.4f}" for side in figures.values() for row in side})
              for name in figures[case.sides[0].name][0]["check"]}  # fmt: skip
    computed = "; ".join(f"{name.replace('_', ' ')} {' / '.join(values)}" for name, values in checks.items())
    return (
        f"{rows.count} rows of {length} tokens, {rows.tokens:,} in all. Imports and loading, not counted: {starts}. "
        f"Computed, as a check (several values where sides differ): {computed}."
    )


def section(case: Case, figures: Mapping[str, Sequence[Figures]]) -> str:
    """The generated part of a document for one case."""
    return f"{table(case, figures)}\n\n{details(case, figures)}"


def fill(document: Path, sections: Mapping[str, str]) -> None:
    """Put generated parts between their markers. Raises InputError where a marker is missing."""
    text = document.read_text(encoding="utf-8")
    for name, content in sections.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise InputError(f"{document}: no lines {begin} and {end}, once each; add them", "missing-marker")
        text = re.sub(f"{begin}.*{end}", lambda _: f"{begin}\n{content}\n{end}", text, flags=re.DOTALL)  # noqa: B023
    document.write_text(text, encoding="utf-8")
