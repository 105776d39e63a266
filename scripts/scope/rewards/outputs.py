"""Whether what a program answered is what was expected: text by lines and tokens, values by equality.

A number that is expected with a decimal point may be off by 1e-6, absolutely or relatively; nothing else may.
"""

from itertools import zip_longest
from typing import Any

TOLERANCE = 1e-6


def same_output(said: str, expected: str) -> bool:
    """Whether two outputs agree line by line; spaces at the ends of lines and empty lines at the end do not count."""
    pairs = zip_longest(_lines(said), _lines(expected))
    return all(one is not None and other is not None and _same_line(one, other) for one, other in pairs)


def _lines(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _same_line(said: str, expected: str) -> bool:
    if said == expected:
        return True
    tokens = said.split(), expected.split()
    return len(tokens[0]) == len(tokens[1]) and all(map(_same_token, *tokens))


def _same_token(said: str, expected: str) -> bool:
    if said == expected:
        return True
    try:
        return "." in expected and _close(float(said), float(expected))
    except ValueError:
        return False


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
    return said == expected or abs(said - expected) <= TOLERANCE * max(1.0, abs(expected)) < float("inf")
