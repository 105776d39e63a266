"""Formulas parsed and compared by math-verify, except those that it misreads."""

import re
from functools import cache, lru_cache
from typing import Any

from scope.verify.math.latex import is_balanced, is_shallow
from scope.verify.verdict import Reason

LONGEST_ANSWER = 2_000
"""Characters; a longer answer is compared as text only."""

# What math-verify misreads, and as what; such answers are compared as text only.
_MISREAD = re.compile(
    r"[^\x00-\x7f]"
    r"|\\[lcv]?dots|\.\.|(?<!\\log_)\d\s+\d"  # 1, 2, \ldots as {1, 2}; 1 2 as 3
    r"|[\d)\]]\s*_"  # 101_2 as 101, (5)_{2} as 5!/3!
    r"|!\s*!"  # 5!! as (5!)!
    r"|\\circ(?![a-zA-Z])|\\degree"  # \sin 30^\circ as \sin 30
    r"|\\(?:approx|simeq|sim|equiv|cong|propto)(?![a-zA-Z])"  # \pi \approx 3 as \pi
    r"|mod(?![a-zA-Z])|gcd|lcm"  # \pmod 3 as a product, \gcd(p, q) as 1
    r"|:.*:|:\s*\d\d|\\mid|\\colon|\{[^{}]*:"  # 3:2:1 as 3/2/1, 1:30 as 1/30, {x : x > 2} as a quotient
    r"|\\[td]?frac\s*\{?d(?![a-zA-Z])|\\partial"
    r"|\\\$|\\phantom|(?<![a-zA-Z\\])I(?![a-zA-Z])"  # \$5 cents as 5, I_2 as the imaginary unit
    r"|\^\s*\{?\s*\(\s*\d+\s*\)"  # f^{(2)} as f^2
    r"|\^\s*(?:\w|\{[^{}]*\})\s*\^"  # 2^3^4 as (2^3)^4
    r"|\\top(?![a-zA-Z])|\^\s*\{?\s*(?:T|\\intercal|\\dagger|\*)|[A-Z}]\s*\^\s*\{?\s*-\s*\d"  # matrices commute
    r"|\\(?:vec|mathbf|boldsymbol|hat)\b.*\\times"  # as do vectors
    r"|\\math(?:bb|cal|frak|scr)\s*\{?[A-Z]\}?\s*[/_^\\(\[A-Z{]"  # Z/2Z as a number
    r"|\\(?:Re|Im|arg|det|dim|ker|deg|Pr|hom)(?![a-zA-Z])"
    r"|\\(?:angle|triangle|overline|widehat|overrightarrow|overleftrightarrow)(?![a-zA-Z])"  # ABC as a product
    r"|/\s*(?:\d+|[a-zA-Z])\s*(?:[a-zA-Z(]|\\(?:pi|sqrt|ln|log|sin|cos|tan|theta|alpha|beta)(?![a-zA-Z]))"  # 1/2x
)
_BARE_LOG = re.compile(r"\\log(?!\s*_|[a-zA-Z])")


def compare_formulas(prediction: str, gold: str) -> Reason:
    """Compare two cleaned answers without units as formulas."""
    if _primes(prediction) != _primes(gold):
        return Reason.wrong
    return compare_parsed(parse(prediction), parse(gold))


def _primes(text: str) -> int:
    """math-verify drops primes, so f'(0) would pass for f(0); those of a name, as in f'(0) = 7, do not count."""
    value = text.rpartition("=")[2]
    return value.count("'") + value.count(r"\prime")


def compare_parsed(prediction: Any | None, gold: Any | None) -> Reason:
    """Compare what `parse` returned."""
    from math_verify import verify

    from scope.verify.math.credible import affordable, credible, evaluated

    if prediction is None:
        return Reason.unparsable
    if gold is None:
        return Reason.wrong
    if not (affordable(prediction) and affordable(gold)):
        return Reason.too_large
    if not evaluated(prediction, gold):
        return Reason.unevaluated
    equal = verify(gold, prediction, allow_set_relation_comp=True, timeout_seconds=None) and credible(prediction, gold)
    return Reason.correct if equal else Reason.wrong


@lru_cache(maxsize=512)
def parse(answer: str) -> Any | None:
    r"""The SymPy object of a cleaned answer, or None if it cannot be parsed or would be misread.

    \log without a base is \ln, and the letter i, where it is alone, the imaginary unit.
    """
    import sympy
    from latex2sympy2_extended import latex2sympy
    from latex2sympy2_extended.latex2sympy2 import ConversionConfig
    from math_verify.grader import should_treat_as_complex

    if len(answer) > LONGEST_ANSWER or _MISREAD.search(answer) or not (is_balanced(answer) and is_shallow(answer)):
        return None
    text = _BARE_LOG.sub(r"\\ln", answer)
    try:
        parsed: Any = latex2sympy(
            text,
            is_real=not should_treat_as_complex(text),
            normalization_config=_normalization(),
            conversion_config=ConversionConfig(lowercase_symbols=False),
        )
        letters = parsed.free_symbols
        return parsed.subs(dict.fromkeys(letters, sympy.I)) if {str(x) for x in letters} == {"i"} else parsed
    except Exception:  # its parser may raise anything on what it cannot read
        return None


@cache
def _normalization() -> Any:
    """math-verify's own normalisation without units, which units.py reads: math-verify would cut 2a - c down to 2."""
    import logging
    from dataclasses import replace

    from math_verify import LatexExtractionConfig

    logging.getLogger("math_verify").setLevel(logging.ERROR)
    return replace(LatexExtractionConfig().normalization_config, units=False, boxed="none")
