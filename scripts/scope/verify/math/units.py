"""Units of an answer: they may be left out, but two that are given must agree."""

import re

from scope.verify.math.latex import WRAPPED

_CURRENCY = re.compile(r"^(-?)\s*(\\\$|£|\\pounds(?![a-zA-Z])|€|\\euro(?![a-zA-Z])|¥)\s*(?=[\d.])")
_SYMBOLS = {r"\$": "dollar", "£": "pound", r"\pounds": "pound", "€": "euro", r"\euro": "euro", "¥": "yen"}
_DEGREE = re.compile(r"(?<=[\d})])\s*(?:\^\s*\{?\s*\\circ\s*\}?|\\degree)$")
_PERCENT = re.compile(r"(?<=[\d}).])\s*(?:\\?%|\\text\s*\{\s*(?:\\?%|percent)\s*\}|percent)$")
_WORDS = re.compile(
    rf"(?<=[\d}})])\s*(?:{WRAPPED.pattern}|(?<=\s)([a-zA-Z]{{2,}}[a-zA-Z /]*))\s*(?:\^\s*\{{?\s*([23])\s*\}}?)?$"
)
_FUNCTION = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc|log|ln|exp)(?![a-zA-Z])")
_SAME = """
    mm millimeter millimetre | cm centimeter centimetre | m meter metre | km kilometer kilometre
    | in inch inche | ft foot feet | yd yard | mi mile | mg milligram | g gram | kg kilogram | lb pound
    | oz ounce | ton tonne | l liter litre | ml milliliter millilitre | gal gallon | s sec second | min minute
    | h hr hour | day | week | month | year | mph | kmh | dollar | cent | euro | yen | degree deg | radian rad
"""
# Words beside units, and things that are counted: they do not change the size.
_SILENT = ("per", "unit", "square", "sq", "cubic", "cu", "way", "people", "person", "student", "point")
_UNITS = {name: names.split()[0] for names in _SAME.split("|") for name in names.split()} | dict.fromkeys(_SILENT, "")
_POWERS = {"square": "2", "sq": "2", "cubic": "3", "cu": "3"}


def split_unit(text: str) -> tuple[str, tuple[str, ...]]:
    """A cleaned answer as its value and its unit; `5 million` and `5 or more` keep theirs.

    ("5", ("cm", "2")) for 5 \\text{ cm}^2 and for 5 square cm; degrees, percent and currencies are units too.
    """
    if (money := _CURRENCY.match(text)) and not split_unit(text[money.end() :])[1]:
        return money[1] + text[money.end() :], (_SYMBOLS[money[2]],)
    if match := _PERCENT.search(text):
        return text[: match.start()].strip(), ("percent",)
    if (match := _DEGREE.search(text)) and not _FUNCTION.search(text):
        return text[: match.start()].strip(), ("degree",)
    match = _WORDS.search(text)
    unit = _read(match) if match else None
    return (text, ()) if match is None or unit is None else (text[: match.start()].strip(), unit)


def _read(match: re.Match[str]) -> tuple[str, ...] | None:
    """The words of a unit in their short form, with its power; None where one is not a unit."""
    words = re.findall("[a-z]+", (match[1] or match[2] or "").lower())
    known = [w if w in _UNITS else w.removesuffix("s") for w in words]
    if not known or not set(known) <= set(_UNITS):
        return None
    names = [_UNITS[w] for w in known if _UNITS[w]]
    power = match[3] or next((_POWERS[w] for w in known if w in _POWERS), None)
    return tuple(names + ([power] if power else [])) if names else ()
