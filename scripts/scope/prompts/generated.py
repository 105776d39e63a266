"""Rows of the embedded worlds: their generators' first problems are held out, the next are for training."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, TypeVar

from scope.errors import InputError
from scope.verify.code.tests import humaneval
from scope.worlds import coins, functions, word_problems
from scope.worlds.recipe import FunctionsSettings, PuzzleSettings, WordProblemsSettings, WorldSettings

Rows = list[dict[str, Any]]
Problem = TypeVar("Problem")


def generated_rows(world: WorldSettings, split: str) -> tuple[Rows, str, str]:
    """Rows as scope.prompts.read reads them, their domain, and where they come from; `split` is `train` or `test`.

    Raises InputError where the problems are not generated.
    """
    if world.puzzle:
        return puzzle_rows(world.puzzle, split), "puzzle", "data.puzzle"
    if world.functions:
        return function_rows(world.functions, split), "code", "data.functions"
    if world.word_problems:
        return word_problem_rows(world.word_problems, split), "math", "data.word_problems"
    raise InputError("the recipe generates no problems: give the files of problems as --rows", "missing-argument")


def puzzle_rows(settings: PuzzleSettings, split: str) -> Rows:
    """Coins problems; the answer is the canonical route."""
    stream = coins.problems(settings.seed, settings.digits, settings.spend)
    return [
        {"row": row, "problem": problem, "answer": coins.write_route(problem, coins.canonical_route(problem)),
         "source": "coins"}
        for row, problem in enumerate(_part(stream, settings, split))
    ]  # fmt: skip


def function_rows(settings: FunctionsSettings, split: str) -> Rows:
    """Functions; the answer is the canonical body."""
    stream = functions.problems(settings.seed, settings.operations)
    return [_function_row(row, problem) for row, problem in enumerate(_part(stream, settings, split))]


def word_problem_rows(settings: WordProblemsSettings, split: str) -> Rows:
    """Word problems; the answer is a number."""
    stream = word_problems.problems(settings.seed, settings.steps)
    return [
        {"row": row, "problem": word_problems.write_problem(problem), "answer": str(problem.answer),
         "source": "word_problems"}
        for row, problem in enumerate(_part(stream, settings, split))
    ]  # fmt: skip


def _function_row(row: int, problem: functions.Problem) -> dict[str, Any]:
    prompt = functions.write_prompt(problem)
    tests = humaneval(prompt, functions.write_check(problem), functions.NAME)
    return {"row": row, "problem": prompt, "answer": functions.write_body(problem.steps), "source": "functions",
            "tests": json.dumps(tests)}  # fmt: skip


def _part(
    stream: Iterator[Problem], settings: PuzzleSettings | FunctionsSettings | WordProblemsSettings, split: str
) -> Iterator[Problem]:
    first, count = (0, settings.problems) if split == "test" else (settings.problems, settings.prompts)
    return islice(stream, first, first + count)
