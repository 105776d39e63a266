"""Answers in words: Yes, (B), an ellipse, does not exist."""

import re

from scope.verify.math.latex import WRAPPED

# Yes-or-no problems have golds of both kinds; `True` means `Yes`.
_TRUTH = {"yes": "yes", "true": "yes", "no": "no", "false": "no"}
_SYNONYMS = {**_TRUTH, "dne": "does not exist", "undef": "undefined"}
_ARTICLE = re.compile(r"(?:a|an|the) (?=[a-z]{3})")


def word(text: str) -> str | None:
    """A cleaned answer that is only words, such as `Yes`, (B) or an ellipse; None for any other.

    Case is ignored in words; in one or two letters, and in ABC, it separates points and options from variables.
    """
    plain = WRAPPED.sub(r"\1", text).strip('(){}.," ')
    if not re.fullmatch("[a-zA-Z][a-zA-Z ]*", plain):
        return None
    lower = plain.lower()
    if lower in _SYNONYMS:
        return _SYNONYMS[lower]
    named = all(len(part) < 3 or part.isupper() for part in plain.split())
    return plain if named else _ARTICLE.sub("", lower, count=1)


def is_truth(plain: str | None) -> bool:
    """Whether a word answers a yes-or-no problem."""
    return plain in _TRUTH
