"""Where log-probabilities of given tokens come from: a packed forward pass in the job, or vLLM servers."""

from abc import ABC, abstractmethod
from collections.abc import Container, Iterator, Sequence
from math import isfinite
from pathlib import Path

from tqdm import tqdm

from scope.errors import InputError
from scope.pairs import Pair


class Teacher(ABC):
    """What a backend can do."""

    @abstractmethod
    def score_each(self, pairs: Sequence[Pair], done: Container[int] = ()) -> Iterator[tuple[int, list[float]]]:
        """Yield (index of a pair, log-probability in nats of each of its response tokens) as each is finished.

        `done` holds indices of pairs that are finished already.
        """

    def score(self, pairs: Sequence[Pair]) -> list[list[float]]:
        """Log-probability in nats of every response token of every pair, in order."""
        found = dict(tqdm(self.score_each(pairs), "score", total=len(pairs), unit="rollout", mininterval=1))
        return [found[index] for index in range(len(pairs))]


def open_teacher(settings, manifest: str | Path, *, dtype: str, temperature: float) -> Teacher:
    """The backend that `settings` (the recipe's `teacher`) names; `manifest` is that of the scorer's folder."""
    if settings.backend == "in_job":
        from scope.folders import open_folder
        from scope.teachers.in_job import InJobTeacher

        folder = open_folder(manifest)
        return InJobTeacher(folder, dtype=dtype, temperature=temperature, pack_tokens=settings.pack_tokens)
    if temperature != 1.0:
        raise InputError(f"a vLLM server scores at temperature 1.0, not {temperature}: see logprob_temperature.teacher")
    from scope.teachers.pool import open_pool

    return open_pool(settings, manifest)


def check_scores(scores: Sequence[Sequence[float]], pairs: Sequence[Pair], who: Sequence[str]) -> None:
    """Raise InputError, naming the pair, at a log-probability that is missing, not finite or above 0."""
    for values, pair, name in zip(scores, pairs, who, strict=True):
        bad = [i for i, value in enumerate(values) if not isfinite(value) or value > 1e-3]
        if len(values) != len(pair.response) or bad:
            what = f"log-probability {values[bad[0]]} at token {bad[0]}" if bad else f"{len(values)} log-probabilities"
            raise InputError(f"{name}: the scorer gave {what} for {len(pair.response)} response tokens; check the "
                             "scorer's weights, or its server's log")  # fmt: skip
