"""Whether the output of a program is the expected one: text by lines and tokens, values by equality.

Where the expected number has a decimal point, the actual one may differ by 1e-6, absolutely or relatively.
"""

import math
import re
from itertools import zip_longest
from typing import Any

TOLERANCE = 1e-6
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_BLANK = " \t\r"


def same_output(actual: str, expected: str) -> bool:
    """Whether two outputs agree line by line; spaces at the ends of lines and empty lines at the end do not count."""
    pairs = zip_longest(_lines(actual), _lines(expected))
    return all(one is not None and other is not None and _same_line(one, other) for one, other in pairs)


def _lines(text: str) -> list[str]:
    lines = [line.rstrip(_BLANK) for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _same_line(actual: str, expected: str) -> bool:
    if actual == expected:
        return True
    tokens = [re.split(r"[ \t]+", line.lstrip(_BLANK)) for line in (actual, expected)]
    return len(tokens[0]) == len(tokens[1]) and all(map(_same_token, *tokens))


def _same_token(actual: str, expected: str) -> bool:
    if actual == expected:
        return True
    if "." not in expected or not (_NUMBER.fullmatch(actual) and _NUMBER.fullmatch(expected)):
        return False
    numbers = float(actual), float(expected)
    return all(map(math.isfinite, numbers)) and _close(*numbers)


def same_value(actual: Any, expected: Any) -> bool:
    """Whether two values are equal; a tuple equals a list with the same items, and True is not 1."""
    if isinstance(expected, list | tuple):
        sized = isinstance(actual, list | tuple) and len(actual) == len(expected)
        return sized and all(map(same_value, actual, expected))
    if isinstance(expected, dict):
        same_keys = isinstance(actual, dict) and actual.keys() == expected.keys()
        return same_keys and all(same_value(actual[key], expected[key]) for key in expected)
    if isinstance(expected, float) and isinstance(actual, int | float) and not isinstance(actual, bool):
        return _close(actual, expected)
    return isinstance(actual, bool) == isinstance(expected, bool) and actual == expected


def _close(actual: float, expected: float) -> bool:
    if isinstance(actual, int) and abs(actual) > 10**300:  # too large for a float
        return actual == expected
    return actual == expected or abs(actual - expected) <= TOLERANCE * max(1.0, abs(expected)) < float("inf")
