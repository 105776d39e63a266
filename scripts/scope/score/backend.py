"""What a scoring backend is: log-probabilities of given tokens."""

from abc import ABC, abstractmethod
from collections.abc import Container, Iterable, Iterator, Sequence
from math import isfinite

from scope.artifacts.progress import Progress
from scope.errors import InputError
from scope.models.pair import Pair


class Teacher(ABC):
    """What a backend can do."""

    @abstractmethod
    def score_each(self, pairs: Sequence[Pair], done: Container[int] = ()) -> Iterator[tuple[int, list[float]]]:
        """Yield (index of a pair, log-probability in nats of each of its response tokens) as each is finished.

        `done` holds indices of pairs that are finished already.
        """

    def score(self, pairs: Sequence[Pair]) -> list[list[float]]:
        """Log-probability in nats of every response token of every pair, in order."""
        found = dict(shown(self.score_each(pairs), pairs, (), "probe"))
        return [found[index] for index in range(len(pairs))]


def shown(
    scored: Iterable[tuple[int, list[float]]], pairs: Sequence[Pair], done: Container[int], unit: str
) -> Iterator[tuple[int, list[float]]]:
    """Pass on (index of a pair, scores), with progress in the log; tokens are those of prompts and responses."""
    left = {index: len(pair) for index, pair in enumerate(pairs) if index not in done}
    with Progress(unit, len(left)) as progress:
        for index, values in scored:
            progress.add(left.pop(index))
            if progress.due():
                progress.show(progress.tokens, sum(left.values()))
            yield index, values


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
