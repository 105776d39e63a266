"""Verdicts on mathematics by the form of the answer: the tables of tests/math_forms.py, and numeric tolerance."""

import pytest

from math_forms import CREDITED, MISSED, REFUSED
from scope.verify.api import equivalent, verify_math
from scope.verify.pool import Row
from scope.verify.registry import verify_rows


def verdict(prediction, gold):
    return verify_math(rf"Hence \boxed{{{prediction}}}.", gold)


@pytest.mark.real
@pytest.mark.parametrize("form", CREDITED)
def test_an_answer_of_this_form_is_correct(form):
    assert [pair for pair in CREDITED[form] if not verdict(*pair).correct] == []


@pytest.mark.real
@pytest.mark.parametrize("form", REFUSED)
def test_a_wrong_or_doubtful_answer_of_this_form_is_refused(form):
    assert [pair for pair in REFUSED[form] if verdict(*pair).correct] == []


@pytest.mark.parametrize("form", MISSED)
def test_right_answers_that_are_known_to_be_missed(form):
    assert [pair for pair in MISSED[form] if verdict(*pair).correct] == []


@pytest.mark.real
@pytest.mark.parametrize("form", CREDITED)
def test_equality_has_no_direction(form):
    assert [pair for pair in CREDITED[form] if not equivalent(*reversed(pair))] == []


TOLERATED = ["4.2", "4.3", "4.1", r"4.25\%", r"\frac{17}{4}", "17/4"]
NOT_TOLERATED = ["4.31", "4.09", "-4.2", "0.042", "4.2, 4.3", "4 or 4.3", r"4.2\text{ million}", "[4.1, 4.3]"]


@pytest.mark.parametrize("prediction", TOLERATED)
def test_a_number_within_the_tolerance_is_correct(prediction):
    assert verify_math(rf"\boxed{{{prediction}}}", "4.2", 0.1).correct


@pytest.mark.parametrize("prediction", NOT_TOLERATED)
def test_what_is_no_number_or_too_far_off_is_not(prediction):
    assert not verify_math(rf"\boxed{{{prediction}}}", "4.2", 0.1).correct


def test_each_row_is_verified_with_its_own_tolerance():
    rows = [Row("math", "", r"\boxed{4.3}", "4.2", tolerance=tolerance) for tolerance in (0.1, None, 0.09)]
    assert [verdict.correct for verdict in verify_rows(rows, workers=1)] == [True, False, False]


def test_without_a_tolerance_numbers_are_exact():
    assert not verify_math(r"\boxed{4.3}", "4.2").correct
