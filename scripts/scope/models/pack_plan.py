"""Which rows share a pack: long rows first, each into the fullest pack that it still fits (best fit)."""

import sys
from bisect import bisect_left, insort
from collections.abc import Sequence

PACK_TOKENS = {"cpu": 512, "cuda": 16_384}
"""In a pack, unless a key sets another number, by the type of a device. On a CPU longer packs leave the cache
(docs/benchmarks.md, Length of packs)."""


def plan_packs(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Rows of each pack, of at most `budget` tokens; a longer row gets a pack of its own.

    Packs with most attention (the sum of squared lengths) come first, so that memory is needed at the start and ranks
    that take turns get alike ones.
    """
    packs: list[list[int]] = []
    free_of: list[tuple[int, int]] = []  # (free tokens, pack), sorted
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        place = bisect_left(free_of, (lengths[index], -1))
        free, number = free_of.pop(place) if place < len(free_of) else (budget, len(packs))
        if number == len(packs):
            packs.append([])
        packs[number].append(index)
        insort(free_of, (free - lengths[index], number))
    return sorted(packs, key=lambda pack: -sum(lengths[i] ** 2 for i in pack))


def log_long_rows(lengths: Sequence[int], budget: int) -> None:
    """Write to the log how many rows exceed the budget; one of 1 asks for a pack each."""
    longer = [length for length in lengths if length > budget]
    if longer and budget > 1:
        print(
            f"packs: {len(longer):,} of {len(lengths):,} rows exceed {budget:,} tokens, up to {max(longer):,}: "
            "each has a pack of its own, with the memory that its length takes",
            file=sys.stderr,
        )
