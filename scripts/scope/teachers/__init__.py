"""Where log-probabilities of given tokens come from: a packed forward pass in the job, or a vLLM server."""

from collections.abc import Container, Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import Protocol

from scope.errors import InputError
from scope.forward import Pair


class Teacher(Protocol):
    """What a backend can do."""

    def score_each(self, pairs: Sequence[Pair], done: Container[int] = ()) -> Iterator[tuple[int, list[float]]]:
        """Yield (index of a pair, log-probability in nats of each of its response tokens) for each not `done`."""

    def score(self, pairs: Sequence[Pair]) -> list[list[float]]:
        """Log-probability in nats of every response token of every pair, in order."""


def open_teacher(settings, folder: str | Path, *, dtype: str, temperature: float) -> Teacher:
    """The backend that `settings` (the configuration's `teacher`) names; `folder` holds the model."""
    if settings.backend == "local":
        from scope.teachers.local import LocalTeacher

        return LocalTeacher(folder, dtype=dtype, temperature=temperature, pack_tokens=settings.pack_tokens)
    if temperature != 1.0:
        raise InputError(f"a vLLM server scores at temperature 1.0, not {temperature}: see logprob_temperature.teacher")
    from scope.teachers.server import ServerTeacher

    return ServerTeacher(settings.server)


def check_scores(scores: Sequence[Sequence[float]], pairs: Sequence[Pair], who: Sequence[str]) -> None:
    """Raise InputError, naming the pair, at a log-probability that is missing, not finite or above 0."""
    for values, pair, name in zip(scores, pairs, who, strict=True):
        bad = [i for i, value in enumerate(values) if not isfinite(value) or value > 1e-3]
        if len(values) != len(pair.response) or bad:
            what = f"log-probability {values[bad[0]]} at token {bad[0]}" if bad else f"{len(values)} log-probabilities"
            raise InputError(f"{name}: the scorer gave {what} for {len(pair.response)} response tokens; check the "
                             "scorer's weights, or its server's log")  # fmt: skip
