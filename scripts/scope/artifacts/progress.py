"""How far a stage's work is, in its log: a line now and then, and at the end one with the sum.

progress: 120 of 160 responses, 31,020 tokens (164 tokens/s), at most 3 min 50 s left
160 responses, 41,203 tokens in 4 min 12 s (164 tokens/s)
"""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

FIRST_S, LONGEST_S = 5.0, 60.0
"""Seconds until the first line, and between two lines at most."""


class Progress:
    """Context: counts `total` rows, each a `unit`, and their tokens; the sum is written where nothing failed."""

    def __init__(self, unit: str, total: int, *, silent: bool = False, clock: Callable[[], float] = time.monotonic):
        self.unit, self.total, self.silent, self.clock = unit, total, silent, clock
        self.rows = self.tokens = 0
        self.note = ""
        self.started = clock()
        self.next = self.started + FIRST_S
        self.measured_from, self.warm_up = self.started, 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        if kind is None and self.rows and not self.silent:
            took = self.clock() - self.started
            print(
                f"{counted(self.rows, self.unit)}, {counted(self.tokens, 'token')} in {duration(took)} "
                f"({rate(self.tokens, took)}){self.note}",
                file=sys.stderr,
                flush=True,
            )

    def add(self, tokens: int) -> None:
        """Count a finished row."""
        self.rows += 1
        self.tokens += tokens

    def end_warm_up(self, done: float) -> None:
        """Leave the time until now, and what was `done` in it, out of estimates of the time left."""
        self.measured_from, self.warm_up = self.clock(), done

    def due(self) -> bool:
        """Whether it is time for a line; `show` writes it."""
        return not self.silent and self.clock() >= self.next

    def show(self, done: float, left: float, *, unfinished: int = 0, bound: str = "about") -> None:
        """Write a line: `done` of the work took until now, `left` is still to do; any unit of work, such as tokens.

        `unfinished` are tokens of rows that are not finished; `bound` is "about" or "at most".
        """
        now = self.clock()
        took, tokens = now - self.started, self.tokens + unfinished
        self.next = now + min(LONGEST_S, max(FIRST_S, took / 10))
        measured, of_it = now - self.measured_from, done - self.warm_up
        time_left = f", {bound} {duration(measured * left / of_it)} left" if of_it else ""
        print(
            f"progress: {self.rows:,} of {counted(self.total, self.unit)}, {counted(tokens, 'token')} "
            f"({rate(tokens, took)}){time_left}",
            file=sys.stderr,
            flush=True,
        )


def counted(number: int, unit: str) -> str:
    """`1 token`, `1,200 tokens`."""
    return f"{number:,} {unit}" + ("" if number == 1 else "s")


def rate(tokens: int, seconds: float) -> str:
    """Tokens per second; whole ones from 10 on."""
    value = tokens / max(seconds, 1e-9)
    return f"{value:,.0f} tokens/s" if value >= 10 else f"{value:.2g} tokens/s"


def duration(seconds: float) -> str:
    """`8.1 s`, `52 s`, `4 min 12 s`, `3 h 56 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return "{} h {} min".format(*divmod(round(seconds / 60), 60))
