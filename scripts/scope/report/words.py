"""The answer in words, made of the numbers alone."""

from collections import Counter
from typing import Any

from scope.report.style import percent, points

VERDICTS = {"gain": "a clear gain", "loss": "a clear loss", "none": "no clear difference"}
MOST_CLAUSES = 3
Rows = list[dict[str, Any]]


def answers(differences: Rows, arms: list[str], *, base: bool) -> list[str]:
    """A sentence per arm on its last policy against the base policy, in the order of the arms."""
    if not base:
        return ["The base policy was not evaluated, so these runs cannot say whether training helped."]
    by_arm = {arm: [row for row in differences if row["policy"] == arm] for arm in arms}
    told = [_arm_sentence(rows) for rows in by_arm.values() if rows]
    return told or ["No trained policy was evaluated, so these runs cannot say whether training helped."]


def _arm_sentence(rows: Rows) -> str:
    """avg@n first, which says whether training helped; then pass@n, which says what it did to variety."""
    first = rows[0]
    seeds = f" (mean of {first['seeds']} seeds)" if first["seeds"] > 1 else ""
    metrics = dict.fromkeys(row["metric"] for row in rows)
    parts = [_metric_phrase([row for row in rows if row["metric"] == metric]) for metric in metrics]
    return f"{first['policy']} after round {first['round']}{seeds} against the base policy: {'; '.join(parts)}."


def _metric_phrase(rows: Rows) -> str:
    first = rows[0]
    if len(rows) == 1:
        joint = ", " if first["verdict"] == "none" else " of "
        return (f"{first['metric']} on {first['benchmark']} at {first['sampling']} from {percent(first['base'])} % to "
                f"{percent(first['value'])} %, {VERDICTS[first['verdict']]}{joint}{points(first['difference'])} points "
                f"(95 % interval {points(first['low'])} to {points(first['high'])})")  # fmt: skip
    if len(rows) <= MOST_CLAUSES:
        return f"{first['metric']} " + ", ".join(map(_clause, rows))
    counts = Counter(row["verdict"] for row in rows)
    told = ", ".join(f"{text} in {counts[verdict]}" for verdict, text in VERDICTS.items() if counts[verdict])
    least, most = (points(extreme(row["difference"] for row in rows)) for extreme in (min, max))
    return f"{first['metric']} shows {told} of {len(rows)} comparisons, differences between {least} and {most} points"


def _clause(row: dict[str, Any]) -> str:
    interval = f"[{points(row['low'])}, {points(row['high'])}]"
    return f"{points(row['difference'])} points {interval} on {row['benchmark']} at {row['sampling']}"
