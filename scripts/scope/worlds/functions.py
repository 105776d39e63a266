"""Functions, the embedded world of code: the head of a small Python function, to be continued by its body.

A function does a few operations (operations.py) on an integer, a list of integers or a text. Its head is written
as HumanEval writes it, with one example, and its tests have HumanEval's form, check(candidate). What they assert is
chosen so that every neighbouring function fails: one with an operation dropped, swapped, replaced or one off.
"""

import random
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from scope.errors import InputError
from scope.seeds import derive_seed
from scope.worlds.operations import OPERATIONS, Step, apply, neighbours

NAME = "f"
KINDS = ("n", "xs", "s")
TRIES = 20_000
MIN_ASSERTIONS = 4
Steps = tuple[Step, ...]


class Problem(NamedTuple):
    """A function, and the argument that its head shows."""

    steps: Steps
    example: Any


def problems(seed: int, lengths: list[int]) -> Iterator[Problem]:
    """Problems of distinct functions; their order depends on the arguments alone. Raises InputError where they end."""
    rng, seen = random.Random(derive_seed("functions", seed)), set()
    while True:
        problem = sample_problem(rng, lengths, seen)
        seen.add(problem.steps)
        yield problem


def sample_problem(rng: random.Random, lengths: list[int], seen: set[Steps]) -> Problem:
    """A random problem whose function is not among `seen`. Raises InputError where none is found."""
    for _ in range(TRIES):
        steps = _random_steps(rng, rng.choice(lengths))
        if steps not in seen and _every_step_counts(steps):
            return Problem(steps, rng.choice(arguments(steps[0].takes)))
    raise InputError(
        f"data.functions: there are hardly more than {len(seen)} functions of {lengths} operations; ask for fewer "
        "problems, or for more operations",
        "too-few-functions",
    )


def write_prompt(problem: Problem) -> str:
    """The head of the function, up to the end of its docstring."""
    steps, kind = problem.steps, problem.steps[0].takes
    instructions = "".join(f"    {step.phrase}\n" for step in steps)
    shown = f"    >>> {NAME}({problem.example!r})\n    {run(steps, problem.example)!r}\n"
    return f'def {NAME}({kind}):\n    """Do this with {kind}:\n{instructions}{shown}    """\n'


def write_body(steps: Steps, rng: random.Random | None = None) -> str:
    """The canonical body; with `rng`, one in which every operation is written in a random one of its ways."""
    written = [rng.choice(step.forms) if rng else step.forms[0] for step in steps]
    *first, last = written
    lines = [f"    {step.gives} = {form}\n" for step, form in zip(steps, first, strict=False)]
    return "".join([*lines, f"    return {last}\n"])


def write_response(body: str) -> str:
    """A body as a response."""
    return f"```python\n{body}```"


def write_check(problem: Problem) -> str:
    """The tests, in HumanEval's form."""
    lines = [
        f"    assert candidate({value!r}) == {run(problem.steps, value)!r}\n"
        for value in _distinguishing_arguments(problem)
    ]
    return "def check(candidate):\n" + "".join(lines)


def run(steps: Iterable[Step], value: Any) -> Any:
    """What the function returns for an argument."""
    for step in steps:
        value = apply(step, value)
    return value


def wrong_neighbours(steps: Steps) -> list[Steps]:
    """Functions one mistake away that return something else for some argument."""
    right = _results(steps)
    return [other for other in neighbours(steps) if _results(other) != right]


@cache
def arguments(kind: str) -> list[Any]:
    """Forty arguments of a kind: integers, lists of them, or texts; the first ones are the smallest."""
    rng = random.Random(derive_seed("arguments", kind))
    sizes = (0, 1, *(rng.randint(2, 6) for _ in range(38)))
    return [_argument(rng, kind, size) for size in sizes]


def _argument(rng: random.Random, kind: str, size: int) -> Any:
    if kind == "n":
        return rng.randint(-9, 20) if size > 1 else size
    if kind == "xs":
        return [rng.randint(-9, 20) for _ in range(size)]
    return "".join(rng.choices("abcde", k=size))


def _random_steps(rng: random.Random, length: int) -> Steps:
    kind, steps = rng.choice(KINDS), []
    for _ in range(length):
        operation = rng.choice([operation for operation in OPERATIONS if operation.takes == kind])
        steps.append(Step(operation, rng.choice(operation.constants)))
        kind = operation.gives
    return tuple(steps)


def _every_step_counts(steps: Steps) -> bool:
    """Whether the function is no constant, and no operation can be left out without a difference."""
    right = _results(steps)
    shorter = (steps[:i] + steps[i + 1 :] for i in range(len(steps)))
    return len(set(right)) > 1 and all(_results(other) != right for other in shorter)


def _results(steps: Steps) -> list[str]:
    """What is returned for each argument, as text; the name of what is raised by steps that do not fit together."""
    return [_result(steps, value) for value in arguments(steps[0].takes)] if steps else ["nothing"]


def _result(steps: Steps, value: Any) -> str:
    try:
        return repr(run(steps, value))
    except (TypeError, AttributeError, ValueError) as error:
        return type(error).__name__


def _distinguishing_arguments(problem: Problem) -> list[Any]:
    """Arguments, other than the one shown, of which each wrong neighbour fails at least one."""
    pool = [value for value in arguments(problem.steps[0].takes) if value != problem.example]
    random.Random(derive_seed("assertions", write_prompt(problem))).shuffle(pool)
    chosen = pool[:MIN_ASSERTIONS]
    for other in wrong_neighbours(problem.steps):
        differs = [value for value in pool if _result(other, value) != _result(problem.steps, value)]
        if differs and not any(value in chosen for value in differs):
            chosen.append(differs[0])
    return chosen
