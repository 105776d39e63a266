"""Whether what a program answered is what was expected: text by lines and tokens, values by equality.

A number that is expected with a decimal point may be off by 1e-6, absolutely or relatively; nothing else may.
"""

import math
import re
from itertools import zip_longest
from typing import Any

TOLERANCE = 1e-6
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_BLANK = " \t\r"


def same_output(said: str, expected: str) -> bool:
    """Whether two outputs agree line by line; spaces at the ends of lines and empty lines at the end do not count."""
    pairs = zip_longest(_lines(said), _lines(expected))
    return all(one is not None and other is not None and _same_line(one, other) for one, other in pairs)


def _lines(text: str) -> list[str]:
    lines = [line.rstrip(_BLANK) for line in text.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _same_line(said: str, expected: str) -> bool:
    if said == expected:
        return True
    tokens = [re.split(r"[ \t]+", line.lstrip(_BLANK)) for line in (said, expected)]
    return len(tokens[0]) == len(tokens[1]) and all(map(_same_token, *tokens))


def _same_token(said: str, expected: str) -> bool:
    if said == expected:
        return True
    if "." not in expected or not (_NUMBER.fullmatch(said) and _NUMBER.fullmatch(expected)):
        return False
    numbers = float(said), float(expected)
    return all(map(math.isfinite, numbers)) and _close(*numbers)


def same_value(said: Any, expected: Any) -> bool:
    """Whether two values agree; a tuple is as good as a list, and True is not 1."""
    if isinstance(expected, list | tuple):
        sized = isinstance(said, list | tuple) and len(said) == len(expected)
        return sized and all(map(same_value, said, expected))
    if isinstance(expected, dict):
        return isinstance(said, dict) and said.keys() == expected.keys() and all(
            same_value(said[key], expected[key]) for key in expected)  # fmt: skip
    if isinstance(expected, float) and isinstance(said, int | float) and not isinstance(said, bool):
        return _close(said, expected)
    return isinstance(said, bool) == isinstance(expected, bool) and said == expected


def _close(said: float, expected: float) -> bool:
    if isinstance(said, int) and abs(said) > 10**300:  # more than a float holds
        return said == expected
    return said == expected or abs(said - expected) <= TOLERANCE * max(1.0, abs(expected)) < float("inf")
