"""What a scoring backend is: log-probabilities of given tokens."""

from abc import ABC, abstractmethod
from collections.abc import Container, Iterator, Mapping, Sequence
from math import isfinite

from scope.artifacts.progress import Progress
from scope.errors import InputError
from scope.models.pair import Pair


class Teacher(ABC):
    """What a backend can do."""

    under_way = 0
    """Pairs that servers are scoring while `score_each` waits for them."""

    @abstractmethod
    def score_together(
        self, pairs: Sequence[Pair], done: Container[int] = ()
    ) -> Iterator[list[tuple[int, list[float]]]]:
        """Yield those that were finished at once: index of a pair, log-probability in nats of its response tokens.

        `done` holds indices of pairs that are finished already.
        """

    def score_each(self, pairs: Sequence[Pair], done: Container[int] = ()) -> Iterator[tuple[int, list[float]]]:
        """As score_together, one by one."""
        for finished in self.score_together(pairs, done):
            yield from finished

    def score(self, pairs: Sequence[Pair]) -> list[list[float]]:
        """Log-probability in nats of every response token of every pair, in order."""
        found = dict(shown(self, pairs, (), "probe"))
        return [found[index] for index in range(len(pairs))]


def shown(
    teacher: Teacher, pairs: Sequence[Pair], done: Container[int], unit: str
) -> Iterator[tuple[int, list[float]]]:
    """Score each, with progress in the log; tokens are those of prompts and responses.

    The first that are finished, and the time until then, are left out of estimates: a first pass also warms up.
    """
    left = {index: len(pair) for index, pair in enumerate(pairs) if index not in done}
    with Progress(unit, len(left)) as progress:
        for finished in teacher.score_together(pairs, done):
            warms_up = not (progress.rows or teacher.under_way)
            for index, _ in finished:
                progress.add(left.pop(index))
            if warms_up:
                progress.end_warm_up(progress.tokens)
            if progress.due():
                _show(progress, left, teacher.under_way)
            yield from finished


def _show(progress: Progress, left: Mapping[int, int], under_way: int) -> None:
    """A line of progress, given the tokens of each pair that is left; what servers are scoring counts as half done."""
    tokens = sum(left.values())
    half = tokens * under_way / (2 * len(left)) if left else 0
    progress.show(progress.tokens + half, tokens - half)


def check_scores(scores: Sequence[Sequence[float]], pairs: Sequence[Pair], who: Sequence[str]) -> None:
    """Raise InputError, naming the pair, at a log-probability that is missing, not finite or above 0."""
    for values, pair, name in zip(scores, pairs, who, strict=True):
        bad = [i for i, value in enumerate(values) if not isfinite(value) or value > 1e-3]
        if len(values) != len(pair.response) or bad:
            what = f"log-probability {values[bad[0]]} at token {bad[0]}" if bad else f"{len(values)} log-probabilities"
            raise InputError(
                f"{name}: the scorer gave {what} for {len(pair.response)} response tokens; check the "
                "scorer's weights, or its server's log",
                "invalid-logprobs",
            )
