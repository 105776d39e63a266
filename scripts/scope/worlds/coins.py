"""Coins, the embedded world's puzzle: spend some of the given digits so that a target falls to exactly 0.

A problem reads `93865=23:`, a response `-9=14;-8=6;-6=0`: each step spends one given digit, at most once each, and
states what remains. Most problems have many valid routes, so accuracy and diversity can be distinguished.
"""

import random
from collections.abc import Iterator
from itertools import combinations, permutations

from scope.errors import InputError
from scope.seeds import derive_seed

TRIES = 200_000


def problems(seed: int, digits: int, spend: list[int]) -> Iterator[str]:
    """Distinct problems; the order depends on the arguments alone. Raises InputError where they run out."""
    rng, seen = random.Random(derive_seed("coins", seed)), set()
    tries = 0
    while tries < TRIES:
        tries += 1
        given = [rng.randint(1, 9) for _ in range(digits)]
        target = sum(given[: rng.choice(spend)])
        rng.shuffle(given)
        problem = f"{''.join(map(str, given))}={target}:"
        if problem not in seen:
            seen.add(problem)
            tries = 0
            yield problem
    raise InputError(
        f"data.puzzle: there are hardly more than {len(seen)} problems of {digits} digits that spend {spend}; ask for "
        "fewer problems, or for more digits",
        "too-few-problems",
    )


def routes(problem: str) -> list[tuple[int, ...]]:
    """Every distinct order of digits that solves the problem, sorted."""
    given, target = parse(problem)
    solving = (c for size in range(1, len(given) + 1) for c in combinations(given, size) if sum(c) == target)
    return sorted({order for chosen in solving for order in permutations(chosen)})


def canonical_route(problem: str) -> tuple[int, ...]:
    """The one route that the narrow teacher learns: fewest digits, then the largest first."""
    return max(routes(problem), key=lambda route: (-len(route), route))


def write_route(problem: str, route: tuple[int, ...]) -> str:
    """A route as a response."""
    _, rest = parse(problem)
    steps = []
    for digit in route:
        rest -= digit
        steps.append(f"-{digit}={rest}")
    return ";".join(steps)


def parse(problem: str) -> tuple[list[int], int]:
    """The given digits and the target."""
    digits, target = problem.removesuffix(":").split("=")
    return [int(digit) for digit in digits], int(target)
