"""Verdicts on Coins (scope/worlds/coins.py): every step is checked, since a problem has many solutions."""

import re

from scope.errors import InputError
from scope.verify.verdict import Reason, Verdict
from scope.verify.verifier import Verifier
from scope.worlds.coins import parse

STEP = re.compile(r"-([1-9])=(0|[1-9][0-9]*)")


def verify_puzzle(response: str, problem: str) -> Verdict:
    """Verify a response such as `-9=14;-8=6;-6=0` to a problem such as `93865=23:`.

    `extracted` is the step that breaks a rule, or else the last remainder. Raises InputError for a problem
    that is not valid.
    """
    unspent, rest = _given(problem)
    for step in response.split(";"):
        broken = _broken_rule(step, unspent, rest)
        if broken:
            return Verdict.of(broken, step)
        digit = int(step[1])
        unspent.remove(digit)
        rest -= digit
    return Verdict.of(Reason.not_zero if rest else Reason.correct, str(rest))


def _given(problem: str) -> tuple[list[int], int]:
    try:
        return parse(problem)
    except ValueError:
        raise InputError(
            f"{problem!r} is not a Coins problem; domain `puzzle` expects, say, '93865=23:'", "invalid-problem"
        ) from None


def _broken_rule(step: str, unspent: list[int], rest: int) -> Reason | None:
    """Which rule a step breaks, given the digits still to spend and the remainder before it."""
    match = STEP.fullmatch(step)
    if not match:
        return Reason.malformed
    if rest == 0:
        return Reason.after_zero
    if int(match[1]) not in unspent:
        return Reason.digit_not_given
    # Compared as text: a response may state a remainder of a million digits.
    if match[2] != str(rest - int(match[1])):
        return Reason.wrong_difference
    return None


VERIFIER = Verifier(verify_puzzle, against="problem", isolated=False)
