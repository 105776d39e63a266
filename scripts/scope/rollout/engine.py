"""What a sampling engine is: token ids in, samples out, in the order asked."""

from abc import ABC, abstractmethod
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from scope.errors import InputError


@dataclass(frozen=True)
class Request:
    """One sample to generate: the prompt's token ids and the sample's own seed."""

    prompt_token_ids: Sequence[int]
    seed: int


@dataclass(frozen=True)
class Sampling:
    """How to sample: the sampling settings of one call."""

    temperature: float
    max_tokens: int
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0


@dataclass(frozen=True)
class Sample:
    """One response: token ids with EOS, log-probabilities in nats per token, text, `stop` or `length`."""

    token_ids: list[int]
    logprobs: list[float]
    text: str
    finish_reason: str


class Engine(ABC):
    """What an engine can do."""

    @abstractmethod
    def sample_each(
        self, requests: Sequence[Request], sampling: Sampling, done: Container[int] = ()
    ) -> Iterator[tuple[int, Sample]]:
        """Generate one sample per request, except those whose index is `done`; yield (index, sample) as each ends."""

    def sample(self, requests: Sequence[Request], sampling: Sampling) -> list[Sample]:
        """Generate one sample per request, in order."""
        sampled = dict(self.sample_each(requests, sampling))
        return [sampled[index] for index in range(len(requests))]


def check_samples(samples: Iterable[tuple[int, Sample]]) -> Iterator[tuple[int, Sample]]:
    """Pass on (index, sample); raise InputError at one without tokens, or without a finite log-probability of each."""
    for index, sample in samples:
        if not sample.token_ids:
            raise InputError(
                f"sample {index}: the engine returned a zero-length response; raise rollout.max_tokens",
                "empty-response",
            )
        if len(sample.logprobs) != len(sample.token_ids) or not all(map(isfinite, sample.logprobs)):
            raise InputError(
                f"sample {index}: {len(sample.token_ids)} tokens, but log-probabilities {sample.logprobs[:5]}...; "
                "check the policy's weights for NaN",
                "invalid-logprobs",
            )
        yield index, sample
