"""Plain numbers, compared exactly: 7, -0.5, 3/4, 1\frac{1}{2}, 1.5 \times 10^{3}."""

import re
from fractions import Fraction

from scope.verify.math.latex import canonical

LONGEST_EXPONENT = 3
_INTEGER = "[0-9]+"
_FRACTION = rf"\\frac(?:\{{(-?{_INTEGER})\}}|([0-9]))(?:\{{({_INTEGER})\}}|([0-9]))"
_NUMBER = re.compile(
    rf"([+-]?)(?:([0-9]+\.?[0-9]*|\.[0-9]+)(?:(?:\\times|\\cdot)10\^(?:\{{(-?{_INTEGER})\}}|([0-9])))?"
    rf"|({_INTEGER})?{_FRACTION}|({_INTEGER})/({_INTEGER}))"
)


def number(text: str) -> Fraction | None:
    """The value of a cleaned answer that is a plain number; None for any other, 1/0 and very large powers included."""
    match = _NUMBER.fullmatch(canonical(text).replace(" ", "") if not re.search(r"\d \d", text) else "")
    if match is None:
        return None
    sign, decimal, *power, whole, n1, n2, d1, d2, above, below = match.groups()
    exponent = next(filter(None, power), "0")
    if len(exponent.lstrip("-")) > LONGEST_EXPONENT or (whole and (n1 or "").startswith("-")):
        return None
    if decimal is not None:
        value = Fraction(decimal.rstrip(".") or 0) * Fraction(10) ** int(exponent)
    elif not int(d1 or d2 or below):
        return None
    else:
        value = int(whole or 0) + Fraction(int(n1 or n2 or above), int(d1 or d2 or below))
    return -value if sign == "-" else value


def same_number(one: Fraction, other: Fraction, *, rounded: bool, tolerance: float | None) -> bool:
    """Whether they are equal, if one is `rounded` to six decimals and five digits, or within the tolerance."""
    gap = abs(one - other)
    if gap == 0 or (tolerance is not None and gap <= Fraction(str(tolerance))):
        return True
    return rounded and round(one, 6) == round(other, 6) and gap <= max(abs(one), abs(other)) / 10**5
