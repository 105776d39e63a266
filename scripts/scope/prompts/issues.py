"""What is wrong with rows of problems, and what becomes of them: nothing is dropped that is not listed."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from scope.errors import InputError
from scope.prompts.decontamination import contaminated, spelling
from scope.prompts.recipe import TrainingSettings
from scope.verify.code.tests import count_tests
from scope.verify.math.latex import is_balanced
from scope.verify.pool import Row, verify_rows

OF_BENCHMARKS = {
    "duplicate": "merge", "conflicting": "error", "broken": "keep", "unverifiable": "keep", "untested": "error",
    "contaminated": "keep", "overlong": "error",
}  # fmt: skip
"""What becomes of a benchmark's faults: it never loses a problem, so what cannot be asked or graded stops the run."""

KNOBS = {"untested": "unverifiable"}
"""Faults whose key has another name."""

MOST_NAMED = 5
FATES = {"drop": "dropped", "merge": "merged", "keep": "kept"}
# Tabs, returns and new lines are faults only before what is left of a LaTeX command that lost its backslash.
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]|\t(?=imes|ext|heta|au|riangle|frac|ilde)|\r(?=ight|ho\\b)|\n(?=eq\\b|abla\\b)"
)


class Found(NamedTuple):
    """One fault of one row of a file."""

    row: int
    fault: str
    detail: str


def training_fates(data: TrainingSettings) -> dict[str, str]:
    """What becomes of the faults of training rows."""
    names = ("conflicting", "broken", "unverifiable", "contaminated", "overlong")
    return {"duplicate": "merge", "untested": data.unverifiable, **{name: getattr(data, name) for name in names}}


def find(
    rows: Sequence[dict[str, Any]], *, domain: str, fates: Mapping[str, str],
    benchmarks: Mapping[str, Sequence[tuple[int, str]]], n: int | None,
) -> list[Found]:  # fmt: skip
    """The faults of rows as prompts/read.py reads them, but their length; `benchmarks` as in decontamination.py.

    A row that one of its own faults drops is no duplicate of another and in conflict with none.
    """
    found = [Found(row["row"], "broken", detail) for row in rows for detail in broken(row, domain)[:1]]
    found += unverifiable(rows) if domain == "math" else []
    found += untested(rows) if domain == "code" else []
    copies = contaminated([row["problem"] for row in rows], benchmarks, n) if benchmarks else {}
    found += [Found(rows[position]["row"], "contaminated", detail) for position, detail in copies.items()]
    gone = {fault.row for fault in found if fates[fault.fault] == "drop"}
    return found + repeated([row for row in rows if row["row"] not in gone], domain)


def broken(row: dict[str, Any], domain: str) -> list[str]:
    r"""What is damaged in a row's problem or answer, such as a form feed and rac where \frac was meant."""
    said = []
    for column in ("problem", "answer"):
        text = row[column]
        match = _CONTROL.search(text)
        if match:
            rest = text[match.end() : match.end() + 20]
            said.append(f"{column}: the character U+{ord(match[0]):04X} before {rest!r}; a backslash was lost")
    if domain == "math" and not is_balanced(row["answer"]):
        said.append(f"answer: unbalanced braces in {row['answer'][:60]!r}")
    if domain == "math" and len(re.findall(r"(?<!\\)\$", row["answer"])) % 2:
        said.append(f"answer: a single $ in {row['answer'][:60]!r}")
    return said


def unverifiable(rows: Sequence[dict[str, Any]]) -> list[Found]:
    """Rows of mathematics whose answer, given as a response, earns nothing."""
    answers = [(row["answer"], row["answer"]) for row in rows]
    said = "the answer {!r} does not verify against itself: {}"
    return [Found(row["row"], "unverifiable", said.format(row["answer"][:60], why))
            for row, why in zip(rows, _verdicts(answers), strict=True) if why != "correct"]  # fmt: skip


def untested(rows: Sequence[dict[str, Any]]) -> list[Found]:
    """Rows of code whose tests any program would pass."""
    said = "it has no tests"
    return [Found(row["row"], "untested", said) for row in rows if not count_tests(json.loads(row["tests"]))]


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
            said = " and ".join(f"{row['answer'][:60]!r} in row {row['row']}" for row in (first, *others))
            detail = f"the problem {first['problem'][:60]!r} has the answers {said}"
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
    verdicts = _verdicts(both_ways)
    return equal | {
        pair for pair, *way in zip(doubtful, verdicts[::2], verdicts[1::2], strict=True) if "correct" in way
    }


def _verdicts(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Why each answer (first), given in a box, earns credit against a gold (second) or does not."""
    rows = [Row("math", "", rf"\boxed{{{given}}}", gold) for given, gold in pairs]
    return [str(verdict.reason) for verdict in verify_rows(rows)] if rows else []


def settle(
    rows: Sequence[dict[str, Any]], found: Sequence[Found], fates: Mapping[str, str], where: str
) -> list[dict[str, Any]]:
    """Rows of the artifact `faults`: a row that any fault drops is dropped in all of its entries.

    Raises InputError that names file, rows and key for every kind of fault at which the run is to stop.
    """
    stops = [fault for fault, fate in fates.items() if fate == "error" and any(one.fault == fault for one in found)]
    if stops:
        raise InputError(
            "\n".join(_stop([one for one in found if one.fault == fault], fates, where) for fault in stops)
        )
    problems = {row["row"]: row["problem"] for row in rows}
    gone = {one.row for one in found if fates[one.fault] == "drop"}
    return [
        {**one._asdict(), "fate": FATES["drop" if one.row in gone else fates[one.fault]], "problem": problems[one.row]}
        for one in found
    ]


def _stop(found: Sequence[Found], fates: Mapping[str, str], where: str) -> str:
    fault = found[0].fault
    knob = f", or write `data.{KNOBS.get(fault, fault)}: drop`" if fates is not OF_BENCHMARKS else ""
    more = [f"and {len(found) - MOST_NAMED} more"] if len(found) > MOST_NAMED else []
    named = [f"row {one.row}: {one.detail}" for one in found[:MOST_NAMED]]
    return "\n  ".join([f"{where}: {fault} rows: {len(found)}; mend or remove them{knob}", *named, *more])


def counts(listed: Sequence[dict[str, Any]]) -> dict[str, int]:
    """How many rows had which fault and fate, as `broken dropped: 3`."""
    return dict(sorted(Counter(f"{one['fault']} {one['fate']}" for one in listed).items()))
