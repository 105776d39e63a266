"""The answer in words, derived from the numbers alone."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from scope.report.style import points

VERDICTS = {"gain": "a clear gain", "loss": "a clear loss"}
MOST_CLAUSES = 4
Rows = list[dict[str, Any]]


def answers(differences: Rows, arms: list[str], *, base: bool, untrained: Mapping[str, str] | None = None) -> list[str]:
    """A sentence per arm on its last policy against the base policy, in the order of the arms.

    `untrained` names for some arms in which rounds nothing was trained; that stands in place of unclear differences.
    """
    if not base:
        return ["The base policy was not evaluated, so these runs cannot say whether training helped."]
    by_arm = {arm: [row for row in differences if row["policy"] == arm] for arm in arms}
    idle = untrained or {}
    sentences = [_arm_sentence(rows, idle.get(arm)) for arm, rows in by_arm.items() if rows]
    return sentences or ["No trained policy was evaluated, so these runs cannot say whether training helped."]


def _arm_sentence(rows: Rows, untrained: str | None) -> str:
    """The clear differences one by one if they are few, then the number of unclear ones."""
    first = rows[0]
    seeds = f" (mean of {first['seeds']} seeds)" if first["seeds"] > 1 else ""
    clear = [row for row in rows if row["verdict"] != "none"]
    parts = [_clause(row) for row in clear] if len(clear) <= MOST_CLAUSES else [_counted(clear)]
    if untrained:
        parts.insert(0, untrained)
    elif len(clear) < len(rows):
        which = "the other " if clear else ""
        parts.append(f"no clear difference in {which}{len(rows) - len(clear)} of {len(rows)} comparisons")
    clauses = "; ".join(filter(None, parts))
    return f"{first['policy']} after round {first['round']}{seeds} against the base policy: {clauses}."


def _clause(row: dict[str, Any]) -> str:
    interval = f"[{points(row['low'])}, {points(row['high'])}]"
    return (
        f"{VERDICTS[row['verdict']]} in {row['metric']} on {row['benchmark']} at {row['sampling']}, "
        f"{points(row['difference'])} points {interval}"
    )


def _counted(clear: Rows) -> str:
    counts = Counter(row["verdict"] for row in clear)
    return ", ".join(f"{text} in {counts[verdict]}" for verdict, text in VERDICTS.items() if counts[verdict])
