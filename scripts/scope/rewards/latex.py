"""The text of an answer: finding its box, and taking off the typography that means nothing."""

import re

_TOKEN = re.compile(r"\\boxed\s*\{|\\.|[{}]", re.DOTALL)
_INNER_BOX = re.compile(r"\\boxed\s*(?=\{)")
_INVISIBLE = re.compile(r"\\!|\\displaystyle(?![a-zA-Z])|\\(?:left|right)(?![a-zA-Z])\s*\.?|(?<!\\)\$")
_SPACING = re.compile(r"(?:(?<!\\)\\[,;: ]|\\q?quad(?![a-zA-Z])|~|\s)+")
_GAP = r"(?:(?<!\\)\\[,;: ]|\{,\}|~|\s)"
_THOUSANDS = re.compile(rf"(?<![\d.,])\d{{1,3}}(?:{_GAP}\d{{3}})+(?!\d)")
_UNICODE = str.maketrans({"°": r"^\circ", "∞": r"\infty", "−": "-", "–": "-", "’": "'"})
_WRAPPED = re.compile(r"\\(?:text(?:bf|it|rm|normal)?|math(?:rm|bf|it)|mbox|operatorname)\s*\{([^{}]*)\}")
_LOOSE_SPACE = re.compile(r"(?<!\w) | (?!\w)")
_UNIT = re.compile(rf"(?<=[\d}})])\s*(?:{_WRAPPED.pattern}|(?<=\s)([a-zA-Z]{{2,}}[a-zA-Z /]*))(?:\s*\^\{{?[23]\}}?)?$")
_UNITS = frozenset((
    "mm", "cm", "m", "km", "inch", "inche", "in", "foot", "feet", "ft", "yard", "mile", "meter", "metre",
    "g", "kg", "gram", "lb", "pound", "ounce", "oz", "ton", "l", "ml", "liter", "litre", "gallon",
    "s", "sec", "second", "min", "minute", "h", "hr", "hour", "day", "week", "month", "year", "mph", "kmh",
    "dollar", "cent", "euro", "degree", "radian", "rad", "square", "sq", "cubic", "cu", "per", "unit",
))  # fmt: skip
# Yes-or-no problems have golds of both kinds, and `True` says nothing else than `Yes`.
_TRUTH = {"yes": "yes", "true": "yes", "no": "no", "false": "no"}


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


def clean(text: str) -> str:
    """An answer without boxes inside it, dollar signs, spacing commands, digit grouping and a final full stop."""
    text = _INNER_BOX.sub("", text.translate(_UNICODE))
    text = _INVISIBLE.sub("", text)
    text = _THOUSANDS.sub(lambda match: re.sub(_GAP, "", match[0]), text)
    return _SPACING.sub(" ", text).strip().rstrip(".,;: ")


def is_balanced(text: str) -> bool:
    r"""Whether every { and \{ has its partner; else an answer breaks out of the box that it is parsed in."""
    depth = 0
    for brace in re.findall("[{}]", text):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0


def is_empty(text: str) -> bool:
    r"""Whether a cleaned answer says nothing, as in \text{} or {}."""
    return not _WRAPPED.sub(r"\1", text).strip("{} ")


def same_text(one: str, other: str) -> bool:
    """Whether two cleaned answers differ at most in spaces, needless braces and the size of fractions."""
    return _canonical(one) == _canonical(other)


def _canonical(text: str) -> str:
    text = re.sub(r"\\[dtc]frac(?![a-zA-Z])", r"\\frac", text)
    text = re.sub(r"([_^])\s*\{(\w)\}", r"\1\2", text)
    return _LOOSE_SPACE.sub("", text)


def word(text: str) -> str | None:
    """A cleaned answer that is only words, such as `Yes`, (B) or an ellipse, in lower case; None for any other."""
    plain = _WRAPPED.sub(r"\1", text).strip('(){}.," ').lower()
    return _TRUTH.get(plain, plain) if re.fullmatch("[a-z][a-z ]*", plain) else None


def is_truth(plain: str | None) -> bool:
    """Whether a word answers a yes-or-no problem."""
    return plain in _TRUTH


def split_unit(text: str) -> tuple[str, tuple[str, ...]]:
    """A cleaned answer as its value and the words of its unit; `5 million` and `5 or more` keep theirs."""
    match = _UNIT.search(text)
    words = re.findall("[a-z]+", (match[1] or match[2] or "").lower()) if match else []
    unit = tuple(w if w in _UNITS else w.removesuffix("s") for w in words)
    return (text[: match.start()].strip(), unit) if unit and _UNITS.issuperset(unit) else (text, ())
