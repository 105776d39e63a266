"""Rows of the embedded worlds: their generators' first problems are held out, the next are for training."""

import json
from itertools import islice
from typing import Any

from scope.verify.code.tests import humaneval
from scope.worlds import coins, functions

Rows = list[dict[str, Any]]


def generated_rows(data, split: str) -> tuple[Rows, str, str]:
    """Rows as scope.prompts.read reads them, their domain, and where they come from; `split` is `train` or `test`."""
    if data.puzzle:
        return puzzle_rows(data.puzzle, split), "puzzle", "data.puzzle"
    return function_rows(data.functions, split), "code", "data.functions"


def puzzle_rows(settings, split: str) -> Rows:
    """Coins problems; the answer is the canonical route."""
    stream = coins.problems(settings.seed, settings.digits, settings.spend)
    return [
        {"row": row, "problem": problem, "answer": coins.write_route(problem, coins.canonical_route(problem)),
         "source": "coins"}
        for row, problem in enumerate(_part(stream, settings, split))
    ]  # fmt: skip


def function_rows(settings, split: str) -> Rows:
    """Functions; the answer is the canonical body."""
    stream = functions.problems(settings.seed, settings.operations)
    return [_function_row(row, problem) for row, problem in enumerate(_part(stream, settings, split))]


def _function_row(row: int, problem: functions.Problem) -> dict[str, Any]:
    prompt = functions.write_prompt(problem)
    tests = humaneval(prompt, functions.write_check(problem), functions.NAME)
    return {"row": row, "problem": prompt, "answer": functions.write_body(problem.steps), "source": "functions",
            "tests": json.dumps(tests)}  # fmt: skip


def _part(stream, settings, split: str):
    first, count = (0, settings.problems) if split == "test" else (settings.problems, settings.prompts)
    return islice(stream, first, first + count)
