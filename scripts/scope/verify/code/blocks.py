"""Which fenced block of a response is its program."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_FENCE = re.compile(r"(?P<indent>\s*)(?P<marks>`{3,}|~{3,})\s*(?P<info>[^`]*)")
_PYTHON = ("python", "python3", "py")
_INSIDE = 4
"""A fence indented by this many columns more than the one that opened a block is part of the block's text."""


class Block(NamedTuple):
    """A closed block: its language, empty where none is named, the indentation of its fence, and its lines."""

    language: str
    indent: int
    lines: tuple[str, ...]


def last_program(response: str, functions: Sequence[str] = ()) -> str | None:
    """The last closed block of Python; None without one.

    Blocks labelled Python are preferred to those without a language, such as outputs. Where `functions` are required,
    blocks that define one of them, or are the indented body of one, are preferred to others, such as examples.
    """
    found = [block for block in closed_blocks(response) if any(map(str.strip, block.lines))]
    found = [b for b in found if b.language in _PYTHON] or [b for b in found if not b.language]
    found = [block for block in found if not functions or _answers(block, functions)] or found
    return "\n".join(found[-1].lines) + "\n" if found else None


def closed_blocks(response: str) -> Iterator[Block]:
    """Blocks between fences of three or more backticks or tildes, in order.

    A fence that names a language inside a block opens another one: the first was never closed.
    """
    opened, lines = None, []
    for line in response.removeprefix("\ufeff").replace("\r\n", "\n").split("\n"):
        fence = _FENCE.fullmatch(line)
        if fence and (opened is None or _counts(fence, opened)):
            if opened and not fence["info"]:
                yield Block(_language(opened), _column(opened["indent"]), tuple(lines))
            opened, lines = fence if fence["info"] or opened is None else None, []
        elif opened:
            lines.append(line if lines else line.removeprefix("\ufeff"))


def _counts(fence: re.Match[str], opened: re.Match[str]) -> bool:
    """Whether a fence inside a block ends it, and is not a part of its text."""
    return fence["marks"].startswith(opened["marks"]) and (
        _column(fence["indent"]) < _column(opened["indent"]) + _INSIDE
    )


def _language(fence: re.Match[str]) -> str:
    """The first word after a fence; braces and dots around it are other ways to write it."""
    return (fence["info"].split() or [""])[0].strip("{}.").lower()


def _column(indent: str) -> int:
    return len(indent.expandtabs(4))


def _answers(block: Block, functions: Sequence[str]) -> bool:
    """Whether a block defines one of the functions, or begins as indented as the body of one."""
    first = next(line for line in block.lines if line.strip())
    if _column(first[: len(first) - len(first.lstrip())]) > block.indent:
        return True
    names = "|".join(map(re.escape, functions))
    return any(re.match(rf"\s*(def\s+({names})\s*\(|({names})\s*=[^=])", line) for line in block.lines)
