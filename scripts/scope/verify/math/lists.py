"""The outer form of an answer: a list in any order, a set, a tuple, an interval, or one value."""

import re
from typing import NamedTuple

_TOKEN = re.compile(
    r"(?P<open>\\begin|\\\{|[({\[])|(?P<close>\\end|\\\}|[)}\]])|\\[^a-zA-Z]"
    r"|(?P<split>[,;]?\s*(?:\\(?:text|mbox)\s*\{\s*,?\s*(?:and|or)\s*\}|(?<![a-zA-Z\\])(?:and|or)(?![a-zA-Z]))|[,;])"
)
_NAME = re.compile(r"(\w|\(\w(?:, ?\w)+\)) ?(?:=|\\in(?![a-zA-Z])) ?(?=[(\[]|\\\{)")
_VALUE = re.compile(r"(\\?[a-zA-Z]+)(?:_(?:\w|\{\w+\}))? ?=")
_SIGN = re.compile(r"\\([pm])[mp](?![a-zA-Z])")
_BUILDER = re.compile(r":|\||\\(?:mid|vert|colon)(?![a-zA-Z])")


class Group(NamedTuple):
    """The brackets around a whole text, and the items between its commas."""

    ends: str
    items: list[str]


def name(text: str) -> tuple[str, str]:
    r"""The name before a tuple, interval or set, as in x \in [1, 2], and the rest; "" where there is none."""
    match = _NAME.match(text)
    rest = text[match.end() :] if match else ""
    return (match[1], rest) if match and (group(rest) or members(rest)) else ("", text)


def variables(parts: list[str]) -> set[str]:
    """The names that parts such as x_1 = 2 give values to, without their indices."""
    return {match[1] for part in parts if (match := _VALUE.match(part))}


def items(text: str) -> list[str]:
    r"""The members of a list or set; \pm stands for two of them."""
    return [signed for part in members(text) or split(text) for signed in _plus_and_minus(part)]


def members(text: str) -> list[str] | None:
    """The members of a set in braces; None for another text, and for a set given by a condition."""
    found = _enclosed(text, r"\{", r"\}")
    return None if found is None or _BUILDER.search(found) else split(found)


def group(text: str) -> Group | None:
    """A tuple or an interval of at least two members; None for another text."""
    for left in "([":
        for right in ")]":
            inner = _enclosed(text, left, right)
            if inner is not None and len(parts := split(inner)) > 1:
                return Group(left + right, parts)
    return None


def split(text: str) -> list[str]:
    """The parts between commas, semicolons, `and` and `or` outside of brackets; the whole where one is empty."""
    depth, start, parts = 0, 0, []
    for token in _TOKEN.finditer(text):
        depth += bool(token["open"]) - bool(token["close"])
        if depth < 0:
            return [text]
        if token["split"] and depth == 0:
            parts.append(text[start : token.start()].strip())
            start = token.end()
    parts.append(text[start:].strip())
    return parts if depth == 0 and all(parts) else [text]


def _enclosed(text: str, left: str, right: str) -> str | None:
    """The text between the first bracket and the last, if these are partners."""
    if not (text.startswith(left) and text.endswith(right) and len(text) >= len(left) + len(right)):
        return None
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += bool(token["open"]) - bool(token["close"])
        if depth == 0 and token["close"]:
            return text[len(left) : -len(right)] if token.end() == len(text) else None
    return None


def _plus_and_minus(part: str) -> list[str]:
    signs = [match[1] for match in _SIGN.finditer(part)]
    if signs not in (["p"], ["p", "m"]):
        return [part]
    return [part.replace(r"\pm", one).replace(r"\mp", other) for one, other in ("+-", "-+")]
