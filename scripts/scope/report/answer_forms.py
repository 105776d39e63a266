"""The form of a problem's answer, and whether a random guess often hits it."""

import json
import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, cast

FORMS = (
    "integer",
    "decimal",
    "fraction",
    "yes/no",
    "letter",
    "list",
    "interval",
    "equation",
    "expression",
    "text",
    "stdio",
    "calls",
    "asserts",
    "route",
)
"""Forms of mathematical answers up to `text`; then the kinds of code tests, and a puzzle's route."""

LARGEST_GUESS = 10
_NUMBER = {
    "integer": re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)"),
    "decimal": re.compile(r"[+-]?\d*\.\d+"),
    "fraction": re.compile(r"[+-]?(?:\\[dt]?frac\s*(?:\{[+-]?\d+\}|\d)\s*(?:\{\d+\}|\d)|\d+\s*/\s*\d+)"),
}
_AFFIX = re.compile(r"^\\\$|(?:\\?%|\^\{?\\circ\}?)$")
_LETTER = re.compile(r"\(?(?:\\(?:text|mathrm|textbf|mathbf)\{)?\(?[A-J]\)?\}?\)?")
_RELATION = re.compile(r"[=<>]|\\(?:leq?|geq?|neq?|in|equiv|approx|mid)(?![a-z])")
_INTERVAL = re.compile(r"[\[(][^,]*,[^,]*[\])](?:\s*\\cup.*)?")
_PROSE = re.compile(r"\\(?:text|mbox)\{[^{}]*[a-zA-Z]{3}")


def form(domain: str, answer: str, tests: str | None) -> str:
    """One of FORMS."""
    if domain == "code":
        return json.loads(cast(str, tests))["kind"]
    return "route" if domain == "puzzle" else _of_mathematics(answer)


@cache
def _of_verifier(module: str, name: str) -> Callable[[str], Any]:
    """A function of the verifier of mathematics.

    It is imported by its name, so that the fingerprint of the report does not count it: with an edit of the verifier
    each report on mathematics is made again because its graded samples are, and no other report is.
    """
    return getattr(import_module(f"scope.verify.math.{module}"), name)


def _cleaned(answer: str) -> tuple[str, str]:
    """A mathematical answer without typography, and without its unit too."""
    text = _of_verifier("latex", "clean")(answer)
    return text, _AFFIX.sub("", _of_verifier("units", "split_unit")(text)[0])


def _of_mathematics(answer: str) -> str:
    text, value = _cleaned(answer)
    numeric = next((name for name, pattern in _NUMBER.items() if pattern.fullmatch(value)), None)
    if numeric:
        return numeric
    bare = _of_verifier("words", "word")(text)
    if bare in ("yes", "no"):
        return "yes/no"
    if _LETTER.fullmatch(text):
        return "letter"
    if (bare and len(bare) > 2) or _PROSE.search(text):
        return "text"
    if _RELATION.search(text):
        return "equation"
    if _INTERVAL.fullmatch(text) and (text[0] == "[" or text[-1] == "]" or r"\infty" in text):
        return "interval"
    return "list" if _has_items(text) else "expression"


def _has_items(text: str) -> bool:
    """Whether it is a set, or holds a comma that is in no argument of a function, as in f(x, y)."""
    bare = re.sub(r"(?<=[a-zA-Z])\([^()]*\)", "", text)
    return text.startswith(r"\{") or "," in bare or ";" in bare


def guessable(kind: str, answer: str) -> bool:
    """Yes or no, a single letter, or an integer from 0 to 10."""
    if kind == "integer":
        return 0 <= int(_cleaned(answer)[1].replace(",", "")) <= LARGEST_GUESS
    return kind in ("yes/no", "letter")
