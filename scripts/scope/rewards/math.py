r"""Verdicts on mathematics: the last complete \boxed{...} against the gold, compared by math-verify.

A box that was not closed, or none, earns nothing. Precision goes before recall: see scope/rewards/credible.py.
Nothing here limits time; scope/rewards/pool.py does.
"""

import re
from functools import cache
from typing import Any

from scope.rewards.latex import clean, is_balanced, is_empty, is_truth, last_box, same_text, split_unit, word
from scope.rewards.verdict import Reason, Verdict

LONGEST_ANSWER = 2_000
"""Characters; a longer answer is compared as text only."""

# math-verify drops dots (1, 2, \ldots reads as {1, 2}) and adds up neighbours (1 2 reads as 3).
_MISREAD = re.compile(r"\\[lcv]?dots|\.\.\.|…|\d\s+\d")


def verify_math(response: str, answer: str) -> Verdict:
    """Judge a response by its last complete box; `extracted` is what the box holds."""
    box = last_box(response)
    if box is None:
        return Verdict.of(Reason.no_box)
    return Verdict.of(_compare(box, answer), box)


def equivalent(prediction: str, answer: str) -> bool:
    """Whether two bare answers, the gold second, mean the same."""
    return _compare(prediction, answer) is Reason.correct


def _compare(prediction: str, answer: str) -> Reason:
    prediction, answer = clean(prediction), clean(answer)
    if is_empty(prediction):
        return Reason.empty_box
    if same_text(prediction, answer):
        return Reason.correct
    if len(prediction) > LONGEST_ANSWER:
        return Reason.too_long
    said, meant = word(prediction), word(answer)
    if said == meant and said is not None:
        return Reason.correct
    if is_truth(meant):
        return Reason.wrong
    return _compare_values(prediction, answer)


def _compare_values(prediction: str, answer: str) -> Reason:
    """Compare what is more than words; a unit counts only where both sides give one."""
    (prediction, unit), (answer, gold_unit) = split_unit(prediction), split_unit(answer)
    if unit and gold_unit and unit != gold_unit:
        return Reason.wrong
    if _primes(prediction) != _primes(answer):
        return Reason.wrong
    try:
        return _compare_parsed(_parse(prediction), _parse(answer))
    except Exception:  # SymPy raises whatever it likes on strange input, and strange input earns nothing
        return Reason.crashed


def _primes(text: str) -> int:
    """math-verify drops primes, so f'(0) would pass for f(0); those of a name, as in f'(0) = 7, are no matter."""
    value = text.rpartition("=")[2]
    return value.count("'") + value.count(r"\prime")


def _compare_parsed(prediction: Any | None, gold: Any | None) -> Reason:
    from math_verify import verify

    from scope.rewards.credible import affordable, credible, evaluated

    if prediction is None:
        return Reason.unparsable
    if gold is None:
        return Reason.wrong
    if not (affordable(prediction) and affordable(gold)):
        return Reason.too_large
    if not evaluated(prediction, gold):
        return Reason.unevaluated
    equal = verify(gold, prediction, timeout_seconds=None) and credible(prediction, gold)
    return Reason.correct if equal else Reason.wrong


def _parse(answer: str) -> Any | None:
    """The SymPy object that an answer stands for, or None; boxed, since math-verify reads bare text badly."""
    from math_verify import parse

    if len(answer) > LONGEST_ANSWER or _MISREAD.search(answer) or not is_balanced(answer):
        return None
    parsed = parse(rf"\boxed{{{answer}}}", [_extraction()], "no_fallback", "first_match", parsing_timeout=None)
    return parsed[0] if parsed else None


@cache
def _extraction() -> Any:
    """Read the box alone, and leave units to `split_unit`: math-verify's own list cuts 2a - c down to 2."""
    import logging
    from dataclasses import replace

    from math_verify import LatexExtractionConfig

    logging.getLogger("math_verify").setLevel(logging.ERROR)
    plain = LatexExtractionConfig(try_extract_without_anchor=False, boxed_match_priority=0)
    return replace(plain, normalization_config=replace(plain.normalization_config, units=False))
