"""Verdicts on Coins: every step is checked, and nothing but a whole valid route earns credit."""

import pytest

from refusals import refused
from scope.verify.api import verify_puzzle
from scope.worlds import coins

PROBLEM = "93865=23:"

CASES = [
    # right
    ("-9=14;-8=6;-6=0", "0", "correct"),
    ("-6=17;-9=8;-8=0", "0", "correct"),
    ("-9=14;-6=8;-5=3;-3=0", "0", "correct"),
    # not at zero
    ("-9=14", "14", "not_zero"),
    ("-9=14;-8=6", "6", "not_zero"),
    ("-9=14;-8=6;-5=1", "1", "not_zero"),
    # wrong arithmetic
    ("-9=13;-8=5;-5=0", "-9=13", "wrong_difference"),
    ("-9=14;-8=6;-6=1", "-6=1", "wrong_difference"),
    ("-9=0", "-9=0", "wrong_difference"),
    ("-9=14;-8=6;-5=1;-3=0", "-3=0", "wrong_difference"),
    ("-9=" + "1" * 10**6, "-9=" + "1" * 10**6, "wrong_difference"),
    # digits that are not there, or no longer
    ("-7=16;-9=7", "-7=16", "digit_not_given"),
    ("-9=14;-9=5", "-9=5", "digit_not_given"),
    ("-1=22", "-1=22", "digit_not_given"),
    # after the end
    ("-9=14;-8=6;-6=0;-3=0", "-3=0", "after_zero"),
    ("-9=14;-8=6;-6=0;-9=14;-8=6;-6=0", "-9=14", "after_zero"),
    ("-9=14;-8=6;-6=0;", "", "malformed"),
    ("-9=14;-8=6;-6=0 ", "-6=0 ", "malformed"),
    ("-9=14;-8=6;-6=0\n", "-6=0\n", "malformed"),
    ("-9=14;-8=6;-6=0:", "-6=0:", "malformed"),
    # not the notation
    ("", "", "malformed"),
    (";", "", "malformed"),
    ("0", "0", "malformed"),
    ("-9=14;;-8=6;-6=0", "", "malformed"),
    ("-9=14,-8=6,-6=0", "-9=14,-8=6,-6=0", "malformed"),
    ("-9=014", "-9=014", "malformed"),
    ("-09=14", "-09=14", "malformed"),
    ("- 9=14", "- 9=14", "malformed"),
    ("9=14", "9=14", "malformed"),
    ("+9=32", "+9=32", "malformed"),
    ("-0=23", "-0=23", "malformed"),
    ("-98=-75", "-98=-75", "malformed"),
    ("-9=14;-8=6;-6=-0", "-6=-0", "malformed"),
    ("-9=14;-8=6;-9=-3", "-9=-3", "malformed"),
    ("-9=14.0", "-9=14.0", "malformed"),
    ("-9=1_4", "-9=1_4", "malformed"),
    ("-９=14", "-９=14", "malformed"),
    ("-9=١٤", "-9=١٤", "malformed"),
    ("−9=14", "−9=14", "malformed"),
    ("-9=14\x00", "-9=14\x00", "malformed"),
    ("93865=23:-9=14;-8=6;-6=0", "93865=23:-9=14", "malformed"),
    (";" * 10**6, "", "malformed"),
]


@pytest.mark.parametrize(("response", "extracted", "reason"), CASES)
def test_verdict(response, extracted, reason):
    verdict = verify_puzzle(response, PROBLEM)
    assert (verdict.extracted, verdict.reason) == (extracted, reason)
    assert verdict.correct == (reason == "correct")


def test_a_digit_given_twice_can_be_spent_twice():
    assert verify_puzzle("-4=8;-4=4;-4=0", "44741=12:").correct
    assert verify_puzzle("-4=8;-4=4;-4=0", "44711=12:").reason == "digit_not_given"


def test_every_route_of_generated_problems_is_correct_and_no_proper_part_of_one():
    generated = coins.problems(seed=3, digits=5, spend=[2, 3])
    for _, problem in zip(range(50), generated, strict=False):
        for route in coins.routes(problem):
            response = coins.write_route(problem, route)
            assert verify_puzzle(response, problem).correct
            assert not verify_puzzle(response.rpartition(";")[0], problem).correct


@pytest.mark.parametrize("problem", ["", "93865", "93865:23=", "9x865=23:", "93865=23=1:"])
def test_a_text_that_is_no_problem_is_bad_input(problem):
    with refused("invalid-problem", repr(problem)):
        verify_puzzle("-9=14", problem)
