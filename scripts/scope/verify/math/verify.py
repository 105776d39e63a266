r"""Verdicts on mathematics: the last complete \boxed{...} against the gold, compared by math-verify.

A response without a closed box is not correct. Precision comes before recall: lists, tuples and intervals are split
here (lists.py), plain numbers are compared exactly (numeral.py), what math-verify misreads is compared as text only
(formula.py), and what it accepts is checked again (credible.py). Nothing here limits time; pool.py does.
"""

from fractions import Fraction

from scope.verify.boxed import last_box
from scope.verify.math import lists
from scope.verify.math.formula import LONGEST_ANSWER, compare_formulas
from scope.verify.math.latex import clean, is_empty, same_text
from scope.verify.math.numeral import number, same_number
from scope.verify.math.units import split_unit
from scope.verify.math.words import is_truth, word
from scope.verify.verdict import Reason, Verdict
from scope.verify.verifier import Verifier

MOST_COMMAS = 100
"""An answer with more is compared as text only."""

PERCENT = ("percent",)


def verify_math(response: str, answer: str, tolerance: float | None = None) -> Verdict:
    """Verify a response by its last complete box; `extracted` is the content of the box.

    With a `tolerance`, a plain number may differ from a plain number in the answer by that much.
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
    except Exception:  # SymPy may raise anything on unusual input
        return Reason.crashed


def _compare_lists(prediction: str, answer: str, tolerance: float | None) -> Reason:
    """Match each member of one list or set with its own member of the other, in any order."""
    (name, prediction), (gold_name, answer) = lists.name(prediction), lists.name(answer)
    if name and gold_name and not same_text(name, gold_name):
        return Reason.wrong
    predicted, expected = lists.items(prediction), lists.items(answer)
    if len(predicted) == len(expected) == 1:
        return _compare_members(predicted[0], expected[0], tolerance)
    if len(lists.variables(predicted)) > 1 and not lists.variables(expected):  # x=2, y=1 is more than 1, 2
        return Reason.wrong
    same_length = len(predicted) == len(expected)
    return _verdict(same_length and all(_remove_equal(one, expected, tolerance) for one in predicted))


def _remove_equal(one: str, others: list[str], tolerance: float | None) -> bool:
    """Whether one of the others equals a member; if so, that one is removed."""
    for index, other in enumerate(others):
        if _compare_members(one, other, tolerance) is Reason.correct:
            del others[index]
            return True
    return False


def _compare_members(prediction: str, answer: str, tolerance: float | None) -> Reason:
    """Compare two members; tuples and intervals need the same brackets and, in order, the same members."""
    if same_text(prediction, answer):
        return Reason.correct
    predicted, expected = lists.group(prediction), lists.group(answer)
    if not (predicted and expected):
        return _compare_values(prediction, answer, tolerance)
    pairs = zip(predicted.items, expected.items, strict=False)
    return _verdict(
        predicted.ends == expected.ends
        and len(predicted.items) == len(expected.items)
        and all(_compare_lists(one, other, tolerance) is Reason.correct for one, other in pairs)
    )


def _compare_values(prediction: str, answer: str, tolerance: float | None) -> Reason:
    """Compare words, or values; units are compared only where both sides have one."""
    predicted, expected = word(prediction), word(answer)
    if predicted is not None and expected is not None:  # as products of letters, `no` would be `on`, and ABC BCA
        return _verdict(predicted.replace(" ", "") == expected.replace(" ", ""))
    if is_truth(expected):
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
    """The values that a number may stand for: 50% is 1/2, or 50 for a gold of 50; neither is 0.5% 0.5, nor 0.5 50."""
    if unit == PERCENT and not gold_unit:
        return [one / 100, one] if abs(other) > 1 else [one / 100]
    if gold_unit == PERCENT and not unit:
        return [one, one * 100]
    return [one]


def _verdict(equal: bool) -> Reason:
    return Reason.correct if equal else Reason.wrong


VERIFIER = Verifier(verify_math, against="answer", isolated=True, known=(r"\boxed{1+1}", "2"), preload=("math_verify",))
