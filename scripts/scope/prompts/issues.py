"""What is wrong with rows of problems, and what is done about it: no row is dropped that is not listed."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from scope.errors import InputError
from scope.prompts.rows import RowActions

OF_BENCHMARKS = {
    "duplicate": "merge",
    "conflicting": "error",
    "broken": "keep",
    "unverifiable": "keep",
    "untested": "error",
    "contaminated": "keep",
    "overlong": "error",
}
"""What is done about a benchmark's issues: it never loses a problem, what cannot be asked or verified is an error."""

KEYS = {"untested": "unverifiable"}
"""Issues whose configuration key has another name."""

MOST_NAMED = 5
DONE = {"drop": "dropped", "merge": "merged", "keep": "kept"}


class Found(NamedTuple):
    """One issue of one row of a file."""

    row: int
    issue: str
    detail: str


def training_actions(on_issue: RowActions) -> dict[str, str]:
    """The action on each issue of training rows that a section of settings decides."""
    chosen = on_issue.model_dump()
    return {"duplicate": "merge", "untested": chosen["unverifiable"], **chosen}


def to_text(found: Sequence[Found]) -> str:
    """Issues as JSON whose bytes depend on them alone, not on the code that found them."""
    return json.dumps([issue._asdict() for issue in sorted(found)], indent=1, ensure_ascii=False) + "\n"


def read_found(path: str | Path) -> list[Found]:
    """The issues of a file that `to_text` made. Raises InputError for any other file."""
    try:
        return [Found(**issue) for issue in json.loads(Path(path).read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"{path}: not a readable list of issues ({error}); delete it and run again", "unreadable-file"
        ) from None


def settle(
    rows: Sequence[dict[str, Any]], found: Sequence[Found], actions: Mapping[str, str], where: str
) -> list[dict[str, Any]]:
    """Rows of the artifact `issues`: a row that any issue drops is dropped in all of its entries.

    Raises InputError that names file, rows and key for every kind of issue that is an error.
    """
    errors = [issue for issue, action in actions.items() if action == "error" and any(f.issue == issue for f in found)]
    if errors:
        messages = (_message([one for one in found if one.issue == issue], actions, where) for issue in errors)
        raise InputError("\n".join(messages), "row-issues")
    problems = {row["row"]: row["problem"] for row in rows}
    gone = {one.row for one in found if actions[one.issue] == "drop"}
    done = {one: DONE["drop" if one.row in gone else actions[one.issue]] for one in found}
    return [{**one._asdict(), "action": done[one], "problem": problems[one.row]} for one in found]


def _message(found: Sequence[Found], actions: Mapping[str, str], where: str) -> str:
    issue = found[0].issue
    name = KEYS.get(issue, issue)
    keep = " or `keep`" if name in RowActions.model_fields else ""
    key = f", or write `data.on_issue.{name}: drop`{keep}" if actions is not OF_BENCHMARKS else ""
    more = [f"and {len(found) - MOST_NAMED} more"] if len(found) > MOST_NAMED else []
    named = [f"row {one.row}: {one.detail}" for one in found[:MOST_NAMED]]
    return "\n  ".join([f"{where}: {issue} rows: {len(found)}; fix or remove them{key}", *named, *more])


def counts(listed: Sequence[dict[str, Any]]) -> dict[str, int]:
    """How many rows had which issue and action, as `broken dropped: 3`."""
    return dict(sorted(Counter(f"{one['issue']} {one['action']}" for one in listed).items()))
