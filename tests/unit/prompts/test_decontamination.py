"""Training problems that are a benchmark's: changed copies are found, phrases that everybody uses are none."""

import random
import time

import pytest

from scope.prompts.decontamination import STOCK, contaminated, words

PROBLEM = (
    r"Let $x$ be a positive real number such that $x^{2} + \frac{1}{x} \leq 7$. Find the number of ordered pairs "
    r"$(a,b)$ of integers with $a - b = 3$ and $0 < a < 100$ for which the sum of the digits of $a$ is even."
)
HELD_OUT = {"aime": [(3, "How many primes are there?"), (4, PROBLEM)]}


def found(*problems, n=13):
    return contaminated(problems, HELD_OUT, n)


@pytest.mark.parametrize(
    "copy",
    [
        PROBLEM,
        PROBLEM.upper().replace(r"\FRAC", r"\frac").replace(r"\LEQ", r"\leq"),
        PROBLEM.replace("$", ""),
        PROBLEM.replace("$x$", r"\( x \)").replace("$", "$$").replace(" ", "\n  "),
        PROBLEM.replace(r"\frac", r"\dfrac").replace("x^{2} + ", r"x^2\,+\; ").replace("$a - b = 3$", "$a-b=3$"),
        PROBLEM.replace("a - b", "a − b").replace("x", "ｘ"),
        PROBLEM.replace(".", ". ").replace("number of", "number, of"),
    ],
    ids=["same", "case", "no dollars", "blanks", "LaTeX spacing", "Unicode", "punctuation"],
)
def test_a_copy_in_other_dress_is_the_same_problem(copy):
    assert found("What is 1 + 1?", copy) == {1: "equals aime row 4"}


def test_a_part_that_is_long_enough_is_quoted_by_its_first_words():
    assert found(f"Warm up: {PROBLEM[60:]} Then halve it.") == {
        0: "shares 13 words with aime row 4: x leq 7 find the number of ordered pairs a b of integers"
    }
    assert found(" ".join(PROBLEM.split()[:9]) + " what?") == {}
    assert 0 in found(" ".join(PROBLEM.split()[:9]) + " what?", n=5)


def test_a_short_problem_is_compared_whole_only():
    assert found("how many PRIMES are there", "How many primes are there below 10?") == {0: "equals aime row 3"}


def test_problems_without_a_word_are_not_each_other():
    assert contaminated(["???"], {"b": [(0, "..")]}, 13) == {}


def test_operators_distinguish_problems():
    assert words("What is $5!$?") != words("What is 5?")
    assert words("Find $a + b$.") == ["find", "a+b"]
    assert words("Find $a - b$.") != words("Find $a + b$.")


def test_a_phrase_in_many_problems_is_a_stock_phrase_but_a_copy_stays_one():
    phrase = (
        "can be written as a fraction with relatively prime positive integers above and below the line find the sum"
    )
    held_out = {"aime": [(0, f"The area of the large green square with side 17 in its corner {phrase}")]}
    others = [
        f"Number {i} of the {i * i} many and quite different long riddles about {i % 7} hares: it {phrase}"
        for i in range(STOCK + 1)
    ]
    assert set(contaminated(others[:-1], held_out, 13)) == set(range(STOCK))
    assert contaminated(others, held_out, 13) == {}
    copies = [f"{held_out['aime'][0][1]} {i}" for i in range(STOCK + 1)]
    assert set(contaminated(copies, held_out, 13)) == set(range(STOCK + 1))


@pytest.mark.slow
def test_a_hundred_thousand_problems_take_less_than_a_minute():
    rng = random.Random(0)
    text = lambda: " ".join(str(rng.randrange(3000)) for _ in range(80))  # noqa: E731
    problems = [text() for _ in range(100_000)]
    held_out = {"b": [(row, problems[row] if row % 2 else text()) for row in range(4000)]}
    start = time.monotonic()
    assert set(contaminated(problems, held_out, 13)) == set(range(1, 4000, 2))
    assert time.monotonic() - start < 60
