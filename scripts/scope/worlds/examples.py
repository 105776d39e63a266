"""Problems of the embedded worlds with responses, for the supervised steps: routes, bodies of functions, solutions."""

import random
from collections.abc import Iterator
from itertools import islice

from scope.errors import InputError
from scope.seeds import derive_seed
from scope.worlds import functions, word_problems
from scope.worlds.coins import canonical_route, problems, routes, write_route
from scope.worlds.recipe import FunctionsSettings, PuzzleSettings, WordProblemsSettings, WorldSettings


def examples(world: WorldSettings, canonical: float, seed: int) -> Iterator[tuple[str, str]]:
    """(problem, response) pairs of a world, without end.

    A response is canonical with probability `canonical`, else a random correct one. None of the problems is held out
    or trained on. Raises InputError where the problems are not generated.
    """
    if world.functions:
        return function_examples(world.functions, canonical, seed)
    if world.puzzle:
        return puzzle_examples(world.puzzle, canonical, seed)
    if world.word_problems:
        return word_problem_examples(world.word_problems, canonical, seed)
    raise InputError(
        "models.*.sft without `rows` needs generated problems: set data.puzzle, data.functions or data.word_problems, "
        "give a file of worked solutions as models.*.sft.rows, or leave sft out",
        "no-generated-problems",
    )


def puzzle_examples(puzzle: PuzzleSettings, canonical: float, seed: int) -> Iterator[tuple[str, str]]:
    """Coins: problems that follow the held-out and the training ones in the generator's stream."""
    rng = random.Random(derive_seed("sft", seed))
    stream = problems(puzzle.seed, puzzle.digits, puzzle.spend)
    for problem in islice(stream, puzzle.problems + puzzle.prompts, None):
        route = canonical_route(problem) if rng.random() < canonical else rng.choice(routes(problem))
        yield problem, write_route(problem, route)


def function_examples(settings: FunctionsSettings, canonical: float, seed: int) -> Iterator[tuple[str, str]]:
    """Functions that are neither held out nor trained on, some of them more than once."""
    rng = random.Random(derive_seed("sft", seed))
    stream = functions.problems(settings.seed, settings.operations)
    kept = {problem.steps for problem in islice(stream, settings.problems + settings.prompts)}
    while True:
        problem = functions.sample_problem(rng, settings.operations, kept)
        body = functions.write_body(problem.steps, None if rng.random() < canonical else rng)
        yield functions.write_prompt(problem), functions.write_response(body)


def word_problem_examples(settings: WordProblemsSettings, canonical: float, seed: int) -> Iterator[tuple[str, str]]:
    """Word problems that are neither held out nor trained on, some of them more than once."""
    rng = random.Random(derive_seed("sft", seed))
    stream = word_problems.problems(settings.seed, settings.steps)
    kept = set(islice(stream, settings.problems + settings.prompts))
    while True:
        problem = word_problems.sample_problem(rng, settings.steps, kept)
        solution = word_problems.write_solution(problem, None if rng.random() < canonical else rng)
        yield word_problems.write_problem(problem), solution
