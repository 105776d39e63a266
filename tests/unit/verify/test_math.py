"""Verdicts on mathematics: a table of answers that deserve credit and of answers that must not get it."""

import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

import scope
from scope.verify.api import equivalent, verify_math
from scope.verify.boxed import last_box
from scope.verify.math.formula import compare_parsed, parse
from scope.verify.math.latex import clean
from scope.verify.math.units import split_unit
from scope.verify.registry import VERIFIERS, verify_rows
from scope.verify.verdict import Reason

EQUAL = [
    # numbers
    ("7", "7"), ("7.", "7"), ("$7$", "7"), ("+7", "7"), ("−7", "-7"), ("07", "7"), ("7.0", "7"),
    (r"1\,234", "1234"), (r"1{,}234", "1234"), ("1,234", "1234"), (r"12\!,345", "12345"), (r"2\ 000\ 000", "2000000"),
    (r"\$7", "7"), (r"1.5 \times 10^3", "1500"), (r"10\%", "10"), (r"10\%", "0.1"), ("0.333333", r"\frac{1}{3}"),
    # fractions, roots, constants
    (r"\frac12", "0.5"), (r"\tfrac{1}{2}", r"\dfrac{1}{2}"), ("1/2", r"\frac{1}{2}"), (r"\frac{2}{4}", r"\frac{1}{2}"),
    (r"1\frac{1}{2}", "1.5"), (r"\sqrt{8}", r"2\sqrt2"), ("2π", r"2\pi"), ("∞", r"\infty"),
    (r"\frac{1}{2006!}", "1/2006!"), ("1 + 1", "2"), (r"\binom{5}{2}", "10"),
    # expressions
    ("c - 2a", "-2a + c"), ("(x+1)^2", "x^2 + 2x + 1"), (r"\sin^2 x", r"1 - \cos^2 x"), ("f(n)", "f(n)"),
    ("f'(0)", "f'(0)"),
    # relations that name the answer
    ("x = 5", "5"), (r"x = \frac{14}{2} = 7", "7"), ("2 + 5 = 7", "7"), ("a + b = 7", "7"), ("f(2) = 7", "7"),
    ("f'(0) = 7", "7"), (r"\int_0^1 x\,dx = \frac12", r"\frac12"), ("y = x + 1", "y = x + 1"), ("x + 1", "y = x + 1"),
    ("1 < x", "x > 1"),
    # sets, tuples, intervals, matrices
    ("2, 1", "1, 2"), (r"\{1, 2\}", "1, 2"), (r"\pm 2", "-2, 2"), ("1 and 2", "1, 2"), ("(1, 2)", r"\left(1,2\right)"),
    ("[0, 1)", "[0,1)"), (r"x \in [1, 2]", "[1,2]"), (r"(-\infty, 0) \cup (0, \infty)", r"(0,\infty) \cup (-\infty,0)"),
    (r"\begin{bmatrix} 1 \\ 2 \end{bmatrix}", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"),
    # units
    (r"45^\circ", "45"), ("45°", "45"), (r"5 \text{ cm}", "5"), ("5 cm", "5"), (r"5\text{ cm}^2", "5"),
    (r"\frac{1}{2}\text{ square units}", "0.5"), ("90 degrees", r"90^\circ"), (r"x = 5\ \mathrm{km/h}", "5"),
    # words
    ("Yes.", "Yes"), (r"\text{Yes}", "yes"), (r"\textbf{No}", "No"), ("True", "Yes"), ("no", "False"), ("B", "(B)"),
    (r"\text{(B)}", "B"), (r"\text{ellipse}", "ellipse"),
    # golds that SymPy cannot read count as text
    (r"\aleph_{0}", r"\aleph_0"), (r"I+tE_{a,b}", r"I + tE_{a,b}"), ("1, 2, \\ldots, n", r"1,2,\ldots,n"),
]  # fmt: skip

DIFFERENT = [
    # numbers
    ("8", "7"), ("-7", "7"), ("7!", "7"), ("n!", "n"), ("1/2004!", "1/2006!"), ("e^{-42}", "e^{-43}"), ("e^{-42}", "0"),
    ("0.0000001", "0"), ("0.33", r"\frac{1}{3}"), ("1,234", "1.234"),
    ("1 2", "3"), ("1~~2", "12"), (r"7 \quad 8", "15"), ("1 2/3", "2/3"),
    ("１２", "12"), ("٣", "3"), ("7²", "7"), ("10^{1000} + 1", "10^{1000}"), (r"-\infty", r"\infty"), ("1/0", "0"),
    # half-read formulas
    ("2a - c", "2"), ("2a", "2a - c"), (r"|A| < 1", "1"), (r"\|A\| < 1", "1"), ("1", r"\|A\| < 1"), ("f'(0)", "f(0)"),
    (r"7 \text{ million}", "7"), (r"7\text{ or more}", "7"), ("7x", "7"), ("7)", "7"),
    (r"\foo \frac{1}{2}", r"\frac{1}{2}"), (r"1, 2, \ldots", "1, 2"),
    # relations
    ("3 = 7", "7"), ("x = 3 = 7", "7"), ("3 = 1, 5 = 2", "1, 2"), ("2x = 14", "14"), ("x^2 = 49", "49"),
    ("-x = 7", "7"), ("1/x = 7", "7"), ("y = 3 = x + 1", "y = x + 1"), ("x < 1", "x > 1"), ("2 < 3", "3"),
    ("N = n", r"\gcd(m, n) = 1"), (r"7 \neq 8", "8"),
    # not worked out
    (r"\int_0^1 x\,dx", r"\frac12"), (r"\sum_{k=1}^3 k", "6"), (r"\lim_{x \to 0} \frac{\sin x}{x}", "1"),
    (r"x = \int_0^1 2x\,dx", "1"),
    # sets, tuples, intervals
    ("1, 2, 3, 4, 5, 6, 7", "7"), ("7 or 8", "7"), ("(2, 1)", "(1, 2)"), ("[1, 3]", "(1, 3)"),
    (r"\{1, 2, 2, 3\}", "1, 2"), ("2", r"\pm 2"),
    # units and words
    (r"5\text{ m}", r"5\text{ cm}"), ("No", "Yes"), ("True", "No"), (r"\text{Yes or No}", "Yes"), ("E s y", "Yes"),
    ("C", "B"), ("B or C", "B"), (r"\text{not even}", r"\text{even}"),
]  # fmt: skip


@pytest.mark.parametrize(("prediction", "answer"), EQUAL)
def test_what_means_the_same_is_correct(prediction, answer):
    assert equivalent(prediction, answer)
    assert verify_math(rf"Therefore \boxed{{{prediction}}}.", answer).reason == "correct"


@pytest.mark.parametrize(("prediction", "answer"), DIFFERENT)
def test_what_means_something_else_is_not(prediction, answer):
    assert not equivalent(prediction, answer)
    assert not verify_math(rf"Therefore \boxed{{{prediction}}}.", answer).correct


RESPONSES = [
    (r"So \boxed{7}.", "7", "correct"),
    (r"\boxed{5}, no: \boxed{7}", "7", "correct"),
    (r"\boxed{7}, no: \boxed{5}", "5", "wrong"),
    (r"\boxed{6} and \boxed{7} and \boxed{8}", "8", "wrong"),
    (r"\boxed{\boxed{7}}", r"\boxed{7}", "correct"),
    (r"\boxed{x = \boxed{7}}", r"x = \boxed{7}", "correct"),
    (r"\boxed{\boxed{7} + 1}", r"\boxed{7} + 1", "wrong"),
    (r"\boxed {7}", "7", "correct"),
    (r"\boxed{\text{the set } \{7\}}", r"\text{the set } \{7\}", "wrong"),
    (r"\boxed{7} and hence \boxed{\frac{1", "7", "correct"),
    (r"\boxed{8 or rather \boxed{7}", "7", "correct"),
    (r"} \boxed{7} }", "7", "correct"),
    (r"\boxed{\frac{14}{2}", None, "no_box"),
    ("the answer is 7", None, "no_box"),
    ("1 2 3 4 5 6 7 8 9", None, "no_box"),
    (r"\boxed 7", None, "no_box"),
    ("", None, "no_box"),
    (r"\boxed{}", "", "empty_box"),
    (r"\boxed{ \, }", r" \, ", "empty_box"),
    (r"\boxed{\text{ }}", r"\text{ }", "empty_box"),
    (r"\boxed{7} \boxed{}", "", "empty_box"),
    (r"\boxed{7?}", "7?", "unparsable"),
    (r"\boxed{9^{9^{9^9}}}", "9^{9^{9^9}}", "too_large"),
    (r"\boxed{((10!)!)!}", "((10!)!)!", "too_large"),
]


@pytest.mark.parametrize(("response", "extracted", "reason"), RESPONSES)
def test_the_last_complete_box_decides(response, extracted, reason):
    verdict = verify_math(response, "7")
    assert (verdict.extracted, verdict.reason) == (extracted, reason)
    assert verdict.correct == (reason == "correct")


def test_a_bare_answer_cannot_break_out_of_its_box():
    assert not equivalent(r"\sqrt{2}} 3 {", r"\sqrt{2}")
    assert not equivalent(r"7\} + 1", "7")


@pytest.mark.real
def test_a_million_digits_and_a_million_boxes_are_verified_at_once():
    digits = "1" * 10**6
    started = time.monotonic()
    assert verify_math(rf"\boxed{{{digits}}}", "7").reason == "too_long"
    assert not equivalent("7", digits)
    assert equivalent(digits, digits)
    assert verify_math(r"\boxed{" * 10**5, "7").reason == "no_box"
    assert verify_math(r"\boxed{7}" * 10**5, "7").correct
    assert verify_math("{" * 10**6 + r"\boxed{7}", "7").correct
    assert verify_math(rf"\boxed{{7{'~' * 10**5}8}}", "78").reason == "unparsable"
    assert time.monotonic() - started < 10


@pytest.mark.real
def test_hostile_answers_end_by_the_deadline_and_are_not_correct():
    boxes = [
        "9^{9^{9^9}}",
        r"9^{9^{9^{9}}} \bmod 7",
        "(((2^{999999})^{999999})^{999999})^{999999}",
        r"\binom{10^9}{5 \cdot 10^8}",
        r"\sum_{k=1}^{10^9} k^k",
        r"\prod_{k=1}^{10^9} \sin k",
        "(" * 900 + "8" + ")" * 900,
        r"\frac{1" * 150 + "}{2}" * 150,
        r"\int_0^1 \frac{\log(1+x^{2+\sqrt{3}})}{1+x}\,dx",
        "7",
    ]
    rows = [("math", "", rf"\boxed{{{box}}}", "7") for box in boxes]
    started = time.monotonic()
    verdicts = verify_rows(rows, deadline_s=2, workers=2)
    assert [verdict.correct for verdict in verdicts] == [False] * (len(boxes) - 1) + [True]
    assert time.monotonic() - started < 30


def test_gold_is_compared_as_text_when_its_value_cannot_be_computed():
    assert equivalent("9^{9^{9^{9}}}", "9^{9^{9^9}}")
    assert not equivalent("9^{9^{9^8}}", "9^{9^{9^9}}")


def test_importing_the_rewards_is_cheap():
    code = "import sys, scope.verify.api; print(sorted({'torch', 'sympy', 'math_verify', 'polars'} & set(sys.modules)))"
    scripts = Path(scope.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], cwd=scripts, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_domain_names_its_verifier():
    against = {domain: verifier.against for domain, verifier in VERIFIERS.items()}
    assert against == {"math": "answer", "puzzle": "problem", "code": "tests"}


# Real golds that are compared as text only: for SymPy matrices commute, 22:25:27 is a quotient and I_0 imaginary.
NOT_AS_FORMULA = {r"I + tE_{a,b}", "2 S^T S U", "22:25:27", r"2\pi I_0(a)"}


@pytest.fixture(scope="module")
def golds():
    if "SCOPE_DATA" not in os.environ:
        pytest.skip("needs real golds: set SCOPE_DATA to a folder with deepmath_sample.parquet")
    table = pl.read_parquet(Path(os.environ["SCOPE_DATA"]) / "deepmath_sample.parquet")
    return table["answer"].head(300).unique(maintain_order=True).to_list()


BENCHMARKS = ("deepmath_sample", "aime24", "aime25", "amc23", "math500", "olympiadbench", "gsm8k_test")


MEAN_THE_SAME = {("True", "Yes"), ("Yes", "True"), ("No", "False"), ("False", "No"), ("1", "x = 1"), ("0", r"\{0\}")}


def answers_of(name):
    """The real golds of a benchmark, in the order of its file."""
    if "SCOPE_DATA" not in os.environ:
        pytest.skip(f"needs real golds: set SCOPE_DATA to a folder with {name}.parquet")
    return pl.read_parquet(Path(os.environ["SCOPE_DATA"]) / f"{name}.parquet")["answer"].cast(pl.String).to_list()


@pytest.mark.real
@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_real_gold_verifies_against_itself_and_hardly_any_against_another(name):
    answers = answers_of(name)
    itself = [("math", "", rf"Hence \boxed{{{gold}}}.", gold) for gold in answers]
    assert {row[3] for row, verdict in zip(itself, verify_rows(itself), strict=True) if not verdict.correct} == set()
    shuffled = random.Random(0).sample(answers, len(answers))
    pairs = {(one, other) for one, other in zip(answers, shuffled, strict=True) if one.strip() != other.strip()}
    another = [("math", "", rf"Hence \boxed{{{one}}}.", other) for one, other in sorted(pairs)[:400]]
    verdicts = verify_rows(another)
    credited = {pair for pair, verdict in zip(sorted(pairs)[:400], verdicts, strict=True) if verdict.correct}
    assert credited <= MEAN_THE_SAME


SPELT = {"00": "0", "1.25": r"\frac54", "b>0": r"(0,\infty)", "yes": "True", "Yes": "True"}


def mean_the_same(one, other):
    """Whether two answers differ only in what the rules leave out on one side, in spelling, or in order."""
    optional = r"\w(_\{-?\d\})?(\(\w\))?\s*=|\\text.*|\\mbox.*|\^\{?\\circ\}?|\\[$%!]|^\+|[\s{}]|(?<=\\)[dt](?=frac)"
    bare = [re.sub(optional, "", text.replace("1/3", r"\frac13")) for text in (one, other)]
    lists = [sorted(SPELT.get(text, text).split(",")) for text in bare]
    return lists[0] == lists[1] or (one, other) in MEAN_THE_SAME


@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_real_gold_is_not_correct_for_any_of_many_others(name):
    golds = sorted(set(answers_of(name)))
    draw = random.Random(1)
    pairs = [(one, other) for one in golds for other in draw.sample(golds, min(200, len(golds))) if one != other]
    verdicts = verify_rows([("math", "", rf"Hence \boxed{{{one}}}.", other) for one, other in pairs])
    credited = {pair for pair, verdict in zip(pairs, verdicts, strict=True) if verdict.correct}
    print(f"{name}: {len(pairs):,} pairs, {len(credited)} credited")
    assert {pair for pair in credited if not mean_the_same(*pair)} == set()


@pytest.mark.real
def test_real_golds_verify_against_themselves_through_sympy(golds):
    values = {gold: parse(split_unit(clean(gold))[0]) for gold in golds}
    assert {gold for gold, value in values.items() if compare_parsed(value, value) != Reason.correct} == NOT_AS_FORMULA


@pytest.mark.real
def test_real_golds_differ_from_each_other(golds):
    few = golds[:30]
    same = {(a, b) for a in few for b in few if a < b and equivalent(a, b)}
    assert same == {("False", "No"), ("True", "Yes"), (r"\dfrac{1}{2}", r"\frac{1}{2}")}


def test_last_box_reads_escaped_braces_as_text():
    assert last_box(r"\boxed{\{1, 2\}}") == r"\{1, 2\}"
    assert last_box(r"\boxed{\left\{ x \right.}") == r"\left\{ x \right."
    assert last_box(r"\boxed{a \\ {b}}") == r"a \\ {b}"
