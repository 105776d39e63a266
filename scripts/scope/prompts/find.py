"""Finding what is wrong with rows of problems: the stages `check_rows` and `check_problems`."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from scope.prompts.decontamination import contaminated, spelling
from scope.prompts.issues import Found
from scope.verify.code.tests import count_tests
from scope.verify.math.latex import is_balanced
from scope.verify.math.verify import VERIFIER
from scope.verify.pool import Row, verify_rows

# Tabs, returns and new lines are issues only before what is left of a LaTeX command that lost its backslash.
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]|\t(?=imes|ext|heta|au|riangle|frac|ilde)|\r(?=ight|ho\\b)|\n(?=eq\\b|abla\\b)"
)


def find(
    rows: Sequence[dict[str, Any]],
    *,
    domain: str,
    actions: Mapping[str, str],
    benchmarks: Mapping[str, Sequence[tuple[int, str]]],
    n: int | None,
) -> list[Found]:
    """The issues of rows as prompts/read.py reads them, but their length; `benchmarks` as in decontamination.py.

    A row that one of its own issues drops is no duplicate of another and in conflict with none.
    """
    found = [Found(row["row"], "broken", detail) for row in rows for detail in broken(row, domain)[:1]]
    found += unverifiable(rows) if domain == "math" else []
    found += untested(rows) if domain == "code" else []
    copies = contaminated([row["problem"] for row in rows], benchmarks, n) if benchmarks and n else {}
    found += [Found(rows[position]["row"], "contaminated", detail) for position, detail in copies.items()]
    gone = {one.row for one in found if actions[one.issue] == "drop"}
    return found + repeated([row for row in rows if row["row"] not in gone], domain)


def broken(row: dict[str, Any], domain: str) -> list[str]:
    r"""What is damaged in a row's problem or answer, such as a form feed and rac where \frac was meant."""
    details = []
    for column in ("problem", "answer"):
        text = row[column]
        match = _CONTROL.search(text)
        if match:
            rest = text[match.end() : match.end() + 20]
            details.append(f"{column}: the character U+{ord(match[0]):04X} before {rest!r}; a backslash was lost")
    if domain == "math" and not is_balanced(row["answer"]):
        details.append(f"answer: unbalanced braces in {row['answer'][:60]!r}")
    if domain == "math" and len(re.findall(r"(?<!\\)\$", row["answer"])) % 2:
        details.append(f"answer: a single $ in {row['answer'][:60]!r}")
    return details


def unverifiable(rows: Sequence[dict[str, Any]]) -> list[Found]:
    """Rows of mathematics whose answer, given as a response, is not correct."""
    reasons = _reasons([(row["answer"], row["answer"]) for row in rows])
    detail = "the answer {!r} does not verify against itself: {}"
    return [
        Found(row["row"], "unverifiable", detail.format(row["answer"][:60], reason))
        for row, reason in zip(rows, reasons, strict=True)
        if reason != "correct"
    ]


def untested(rows: Sequence[dict[str, Any]]) -> list[Found]:
    """Rows of code whose tests any program would pass."""
    return [
        Found(row["row"], "untested", "it has no tests") for row in rows if not count_tests(json.loads(row["tests"]))
    ]


def repeated(rows: Sequence[dict[str, Any]], domain: str) -> list[Found]:
    """Rows whose problem came before: in conflict, all of them, where an answer means another thing than the first."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(spelling(row["problem"]), []).append(row)
    several = [group for group in groups.values() if len(group) > 1]
    same = _same_meaning({(row["answer"], group[0]["answer"]) for group in several for row in group}, domain)
    found = []
    for first, *others in several:
        if all((row["answer"], first["answer"]) in same for row in others):
            found += [Found(row["row"], "duplicate", _likeness(row, first)) for row in others]
        else:
            answers = " and ".join(f"{row['answer'][:60]!r} in row {row['row']}" for row in (first, *others))
            detail = f"the problem {first['problem'][:60]!r} has the answers {answers}"
            found += [Found(row["row"], "conflicting", detail) for row in (first, *others)]
    return found


def _likeness(row: dict[str, Any], first: dict[str, Any]) -> str:
    kept = [f"its {key} is kept" for key in ("answer", "tests", "tolerance") if row.get(key) != first.get(key)]
    return "; ".join([f"the problem of row {first['row']}", *kept])


def _same_meaning(pairs: set[tuple[str, str]], domain: str) -> set[tuple[str, str]]:
    """The pairs of answers that mean the same, one way or the other; outside of mathematics, equal texts."""
    equal = {pair for pair in pairs if pair[0] == pair[1]}
    doubtful = sorted(pairs - equal) if domain == "math" else []
    both_ways = [pair for one, other in doubtful for pair in ((one, other), (other, one))]
    reasons = _reasons(both_ways)
    return equal | {pair for pair, *way in zip(doubtful, reasons[::2], reasons[1::2], strict=True) if "correct" in way}


def _reasons(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """The reason of the verdict on each answer (first), given in a box, against a gold (second)."""
    rows = [Row("math", "", rf"\boxed{{{given}}}", gold) for given, gold in pairs]
    return [str(verdict.reason) for verdict in verify_rows(rows, verifiers={"math": VERIFIER})] if rows else []
