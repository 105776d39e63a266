"""Word problems, the embedded world of mathematics: short stories about numbers of things, with worked solutions.

A story starts with some things, or with boxes of equally many, and goes through steps that add or take away. A
solution writes the equation of each step and boxes the last result; the model's text is graded as mathematics.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

from scope.errors import InputError
from scope.seeds import derive_seed

NAMES = ("Anna", "Ben", "Carla", "David", "Emma", "Felix", "Grace", "Henry", "Iris", "Jack")
THINGS = ("apples", "books", "cards", "coins", "eggs", "flowers", "marbles", "pencils", "shells", "stamps")
GAINS = ("buys {k} more", "finds {k} more", "is given {k} more", "wins {k} more")
LOSSES = ("gives away {k}", "loses {k}", "sells {k}", "uses {k}")
MOST = 20
TRIES = 10_000


class Problem(NamedTuple):
    """A story: whose things they are, how many at first (in boxes of equally many, or loose), and what changes."""

    name: str
    thing: str
    boxes: int
    """1: no boxes."""
    each: int
    changes: tuple[tuple[str, int], ...]
    """The phrase of each step with its number, which is negative where things are taken away."""

    @property
    def answer(self) -> int:
        """How many things there are in the end."""
        return self.boxes * self.each + sum(number for _, number in self.changes)


def problems(seed: int, steps: list[int]) -> Iterator[Problem]:
    """Distinct problems; the order depends on the arguments alone. Raises InputError where they run out."""
    rng, seen = random.Random(derive_seed("word_problems", seed)), set()
    while True:
        problem = sample_problem(rng, steps, seen)
        seen.add(problem)
        yield problem


def sample_problem(rng: random.Random, steps: list[int], seen: set[Problem]) -> Problem:
    """A random problem that is not among `seen`; each count of `steps` is as likely. Raises InputError where none is
    found."""
    for _ in range(TRIES):
        problem = _random_problem(rng, rng.choice(steps))
        if problem not in seen:
            return problem
    raise InputError(
        f"data.word_problems: there are hardly more than {len(seen)} problems of {steps} steps; ask for fewer "
        "problems, or for more steps",
        "too-few-problems",
    )


def write_problem(problem: Problem) -> str:
    """The story and its question."""
    name, thing = problem.name, problem.thing
    boxed = f"{problem.boxes} boxes with " if problem.boxes > 1 else ""
    start = f"{boxed}{problem.each} {thing}{' in each' if boxed else ''}"
    sentences = [f"{name} has {start}.", *(f"Then {name} {phrase.format(k=abs(k))}." for phrase, k in problem.changes)]
    return f"{' '.join(sentences)} How many {thing} does {name} have now?"


def write_solution(problem: Problem, rng: random.Random | None = None) -> str:
    """The canonical solution, its equations alone; with `rng`, one in a random one of two wordings."""
    equations, result = _equations(problem)
    if rng is None or rng.random() < 0.5:
        return f"{'. '.join(equations)}. The answer is \\boxed{{{result}}}."
    return f"We calculate {', then '.join(equations)}. So {problem.name} has \\boxed{{{result}}} {problem.thing}."


def _random_problem(rng: random.Random, steps: int) -> Problem:
    boxes = rng.choice((1, 1, 2, 3, 4, 5))
    each = rng.randint(2, MOST if boxes == 1 else 9)
    left, changes = boxes * each, []
    for _ in range(steps - (boxes > 1)):
        taken = left > 2 and rng.random() < 0.5
        number = rng.randint(2, min(left, MOST)) if taken else rng.randint(2, MOST)
        changes.append((rng.choice(LOSSES if taken else GAINS), -number if taken else number))
        left += changes[-1][1]
    return Problem(rng.choice(NAMES), rng.choice(THINGS), boxes, each, tuple(changes))


def _equations(problem: Problem) -> tuple[list[str], int]:
    """The equation of each step, and the last result."""
    result = problem.boxes * problem.each
    written = [f"{problem.boxes} * {problem.each} = {result}"] if problem.boxes > 1 else []
    for _, number in problem.changes:
        sign = "+" if number > 0 else "-"
        written.append(f"{result} {sign} {abs(number)} = {result + number}")
        result += number
    return written, result
