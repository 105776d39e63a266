"""Token ids that both sides of a comparison get, from a fixed seed. Plain Python: every environment imports this."""

import random
from dataclasses import dataclass

GROUP = 8
"""Rollouts of one prompt."""


@dataclass(frozen=True)
class Rows:
    """So many rows of `low` to `high` tokens, a quarter of each its prompt; ids below `vocabulary`."""

    count: int
    low: int
    high: int
    vocabulary: int
    seed: int = 0

    def pairs(self) -> list[tuple[list[int], list[int]]]:
        """(prompt, response) of each row. Ids 0 to 2 are left to padding and ends."""
        rng = random.Random(self.seed)
        ids = [
            [rng.randrange(3, self.vocabulary) for _ in range(rng.randint(self.low, self.high))]
            for _ in range(self.count)
        ]
        return [(row[: len(row) // 4], row[len(row) // 4 :]) for row in ids]

    @property
    def tokens(self) -> int:
        """Tokens of all rows, prompts included."""
        return sum(len(prompt) + len(response) for prompt, response in self.pairs())


def shortened(pairs: list[tuple[list[int], list[int]]]) -> list[tuple[list[int], list[int]]]:
    """The same rows cut to 4 and 12 tokens: a warm-up that costs little."""
    return [(prompt[:4], response[:12]) for prompt, response in pairs]
