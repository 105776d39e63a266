"""The text of an answer without the typography that means nothing."""

import re

DEEPEST = 20
_INNER_BOX = re.compile(r"\\boxed\s*(?=\{)")
_INVISIBLE = re.compile(r"\\!|\\displaystyle(?![a-zA-Z])|\\(?:left|right)(?![a-zA-Z])\s*\.?|(?<!\\)\$")
_SPACING = re.compile(r"(?:(?<!\\)\\[,;: ]|\\q?quad(?![a-zA-Z])|~|\s)+")
_GAP = r"(?:(?<!\\)\\[,;: ]|\{,\}|~|\s)"
_THOUSANDS = re.compile(rf"(?<![\d.,])\d{{1,3}}(?:{_GAP}\d{{3}})+(?!\d)")
# One number alone, such as 1,234 or x = \$1,234 \text{ km}; within brackets and lists a comma separates.
_GROUPED = re.compile(r"([^\d,([{]*[1-9]\d{0,2})((?:,\d{3})+)(?![\d,])([^,]*)")
_SYMBOLS = {
    "°": r"^\circ",
    "∞": r"\infty ",
    "−": r"-",
    "–": r"-",
    "’": r"'",
    "×": r"\times ",
    "·": r"\cdot ",
    "⋅": r"\cdot ",
    "÷": r"\div ",
    "±": r"\pm ",
    "≤": r"\le ",
    "≥": r"\ge ",
    "≠": r"\ne ",
    "∪": r"\cup ",
    "∩": r"\cap ",
    "∈": r"\in ",
    "∅": r"\emptyset ",
    "½": r"\frac{1}{2}",
    "¼": r"\frac{1}{4}",
    "¾": r"\frac{3}{4}",
    "⅓": r"\frac{1}{3}",
    "⅔": r"\frac{2}{3}",
    "π": r"\pi ",
    "θ": r"\theta ",
    "α": r"\alpha ",
    "β": r"\beta ",
    "λ": r"\lambda ",
    "μ": r"\mu ",
    "ω": r"\omega ",
    "ℝ": r"\mathbb{R}",
    "ℤ": r"\mathbb{Z}",
}
_UNICODE = str.maketrans(_SYMBOLS)
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"
_SUPERSCRIPT = re.compile(f"[{_RAISED}]+")
_LEVEL = str.maketrans(_RAISED, "0123456789-")
_ROOT = re.compile(r"√(?:\(([^()√]*)\)|(\d+|[a-z]))")
_EMPTY_SET = re.compile(r"\\varnothing(?![a-zA-Z])|\\\{\s*\\\}")
_MODULO = re.compile(r"\(\s*(?:\\text\s*\{\s*mod\s*\}|\\b?mod|mod)(?![a-zA-Z])\s*(\w+)\s*\)|\\pmod\s*\{?(\w+)\}?")
WRAPPED = re.compile(r"\\(?:text(?:bf|it|rm|normal)?|math(?:rm|bf|it)|mbox|operatorname)\s*\{([^{}]*)\}")
_LOOSE_SPACE = re.compile(r"(?<!\w) | (?!\w)")


def clean(text: str) -> str:
    """An answer without boxes inside it, dollar signs, spacing commands, digit grouping and final punctuation."""
    text = _to_latex(_INNER_BOX.sub("", text))
    text = _INVISIBLE.sub("", text)
    text = _THOUSANDS.sub(lambda match: re.sub(_GAP, "", match[0]), text)
    text = _EMPTY_SET.sub(r"\\emptyset", _MODULO.sub(r"\\pmod{\1\2}", text))
    text = _without_stop(_SPACING.sub(" ", text).strip())
    number = _GROUPED.fullmatch(text)
    return number[1] + number[2].replace(",", "") + number[3] if number else text


def _without_stop(text: str) -> str:
    """A text without the punctuation at its end; an ellipsis stays."""
    stripped = text.rstrip(".,;: ")
    return text if text[len(stripped) :].count(".") > 1 else stripped


def _to_latex(text: str) -> str:
    """Common Unicode as LaTeX commands; other non-ASCII text stays and is compared as text only."""
    text = _ROOT.sub(lambda match: rf"\sqrt{{{match[1] or match[2]}}}", text)
    text = _SUPERSCRIPT.sub(lambda match: f"^{{{match[0].translate(_LEVEL)}}}", text)
    return text.translate(_UNICODE)


def is_balanced(text: str) -> bool:
    r"""Whether every { and \{ has its partner; otherwise the formula is incomplete."""
    depth = 0
    for brace in re.findall("[{}]", text):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0


def is_shallow(text: str) -> bool:
    """Whether no bracket lies deeper than DEEPEST; a deeper one costs a parser minutes."""
    depth = 0
    for bracket in re.findall(r"[()\[\]{}]", text):
        depth += 1 if bracket in "([{" else -1
        if depth > DEEPEST:
            return False
    return True


def is_empty(text: str) -> bool:
    r"""Whether a cleaned answer has no content, as in \text{} or {}."""
    return not WRAPPED.sub(r"\1", text).strip("{} ")


def same_text(one: str, other: str) -> bool:
    """Whether two cleaned answers differ at most in spaces, optional braces and the size of fractions."""
    return canonical(one) == canonical(other)


def canonical(text: str) -> str:
    """A cleaned answer without spaces, optional braces and sizes of fractions."""
    text = re.sub(r"\\[dtc]frac(?![a-zA-Z])", r"\\frac", text)
    text = re.sub(r"([_^])\s*\{(\w)\}", r"\1\2", text)
    text = re.sub(r"\\math(bb|cal|frak)\s*\{([A-Z])\}", r"\\math\1 \2", text)
    return _LOOSE_SPACE.sub("", text)
