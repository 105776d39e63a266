r"""The \boxed{...} in which a text gives its answer."""

import re

_TOKEN = re.compile(r"\\boxed\s*\{|\\.|[{}]", re.DOTALL)


def last_box(text: str) -> str | None:
    r"""What the last complete, outermost \boxed{...} holds; None without one. A box that is cut off does not count."""
    opened: list[int | None] = []
    found = None
    for token in _TOKEN.finditer(text):
        if token[0] == "}":
            start = opened.pop() if opened else None
            found = text[start : token.start()] if start is not None else found
        elif token[0][-1] == "{" and token[0] != r"\{":
            opened.append(token.end() if token[0] != "{" else None)
    return found
