r"""Verdicts on mathematics: the last complete \boxed{...} against the gold, compared by math-verify.

A box that was not closed, or none, earns nothing. Precision goes before recall: lists, tuples and intervals are taken
apart here (lists.py), plain numbers compared exactly (numeral.py), what math-verify misreads is compared
as text only (formula.py), and what it accepts is looked at again (credible.py). Nothing here limits time; pool.py does.
"""

from fractions import Fraction

from scope.verify.math import lists
from scope.verify.math.formula import LONGEST_ANSWER, compare_formulas
from scope.verify.math.latex import clean, is_empty, last_box, same_text
from scope.verify.math.numeral import number, same_number
from scope.verify.math.units import split_unit
from scope.verify.math.words import is_truth, word
from scope.verify.verdict import Reason, Verdict

MOST_COMMAS = 100
"""An answer with more is compared as text only."""

PERCENT = ("percent",)


def verify_math(response: str, answer: str, tolerance: float | None = None) -> Verdict:
    """Judge a response by its last complete box; `extracted` is what the box holds.

    With a `tolerance`, a plain number may be off by so much from a plain number in the answer.
    """
    box = last_box(response)
    if box is None:
        return Verdict.of(Reason.no_box)
    return Verdict.of(_compare(box, answer, tolerance), box)


def equivalent(prediction: str, answer: str) -> bool:
    """Whether two bare answers, the gold second, mean the same."""
    return _compare(prediction, answer, None) is Reason.correct


def _compare(prediction: str, answer: str, tolerance: float | None) -> Reason:
    prediction, answer = clean(prediction), clean(answer)
    if is_empty(prediction):
        return Reason.empty_box
    if same_text(prediction, answer):
        return Reason.correct
    if len(prediction) > LONGEST_ANSWER or prediction.count(",") > MOST_COMMAS:
        return Reason.too_long
    if len(answer) > LONGEST_ANSWER:
        return Reason.wrong
    try:
        return _compare_lists(prediction, answer, tolerance)
    except Exception:  # SymPy raises whatever it likes on strange input, and strange input earns nothing
        return Reason.crashed


def _compare_lists(prediction: str, answer: str, tolerance: float | None) -> Reason:
    """Each member of one list or set belongs to its own member of the other, in any order."""
    (name, prediction), (gold_name, answer) = lists.name(prediction), lists.name(answer)
    if name and gold_name and not same_text(name, gold_name):
        return Reason.wrong
    said, meant = lists.items(prediction), lists.items(answer)
    if len(said) == len(meant) == 1:
        return _compare_members(said[0], meant[0], tolerance)
    if len(lists.variables(said)) > 1 and not lists.variables(meant):  # x=2, y=1 says more than 1, 2
        return Reason.wrong
    return _verdict(len(said) == len(meant) and all(_take(one, meant, tolerance) for one in said))


def _take(one: str, others: list[str], tolerance: float | None) -> bool:
    """Whether a member has an equal among the others, which is removed."""
    for index, other in enumerate(others):
        if _compare_members(one, other, tolerance) is Reason.correct:
            del others[index]
            return True
    return False


def _compare_members(prediction: str, answer: str, tolerance: float | None) -> Reason:
    """Tuples and intervals agree in their brackets and, in order, in their members."""
    if same_text(prediction, answer):
        return Reason.correct
    said, meant = lists.group(prediction), lists.group(answer)
    if not (said and meant):
        return _compare_values(prediction, answer, tolerance)
    pairs = zip(said.items, meant.items, strict=False)
    return _verdict(
        said.ends == meant.ends
        and len(said.items) == len(meant.items)
        and all(_compare_lists(one, other, tolerance) is Reason.correct for one, other in pairs)
    )


def _compare_values(prediction: str, answer: str, tolerance: float | None) -> Reason:
    """Compare words, or values; a unit counts only where both sides give one."""
    said, meant = word(prediction), word(answer)
    if said is not None and meant is not None:  # as products of letters, `no` would be `on` and ABC would be BCA
        return _verdict(said.replace(" ", "") == meant.replace(" ", ""))
    if is_truth(meant):
        return Reason.wrong
    (prediction, unit), (answer, gold_unit) = split_unit(prediction), split_unit(answer)
    if unit and gold_unit and unit != gold_unit:
        return Reason.wrong
    one, other = number(prediction), number(answer)
    if one is None or other is None:
        return compare_formulas(prediction, answer)
    rounded = "." in prediction or "." in answer
    readings = _readings(one, other, unit, gold_unit)
    return _verdict(any(same_number(value, other, rounded=rounded, tolerance=tolerance) for value in readings))


def _readings(one: Fraction, other: Fraction, unit: tuple[str, ...], gold_unit: tuple[str, ...]) -> list[Fraction]:
    """50% is 1/2, and 50 where percent is what the problem asks for; but 0.5% is not 0.5, nor 0.5 for 50."""
    if unit == PERCENT and not gold_unit:
        return [one / 100, one] if abs(other) > 1 else [one / 100]
    if gold_unit == PERCENT and not unit:
        return [one, one * 100]
    return [one]


def _verdict(equal: bool) -> Reason:
    return Reason.correct if equal else Reason.wrong
