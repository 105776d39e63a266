"""Samples as rows of rollouts, with those of an earlier attempt loaded."""

from collections.abc import Iterator, Sequence, Set
from typing import Any

from scope.artifacts.partial import Unfinished
from scope.artifacts.partial_rows import keep_rows
from scope.artifacts.schemas.rollouts import ROLLOUTS
from scope.errors import InputError
from scope.models.token_ids import TokenIds
from scope.rollout.engine import Engine, Request, Sampling, check_samples


def sample_rows(
    engine: Engine,
    keys: Sequence[tuple[str, int]],
    requests: Sequence[Request],
    sampling: Sampling,
    work: Unfinished,
    name: str,
    tokens: TokenIds | None = None,
) -> list[dict[str, Any]]:
    """Rollout rows (schemas/rollouts.py), one per request, in order; `keys` are their (prompt_id, sample_index).

    `name` identifies the samples in the log and in the folder of partial output. With the `tokens` of a student, who is
    to learn from another model's samples, an id that they lack is an InputError.
    """

    def finish(done: Set[int]) -> Iterator[tuple[int, dict[str, Any]]]:
        for index, sample in check_samples(engine.sample_each(requests, sampling, done)):
            prompt, place = keys[index]
            foreign = [token for token in sample.token_ids if tokens is not None and token not in tokens]
            if foreign:
                raise InputError(
                    f"rollout {place} of prompt {prompt!r} has the token id {foreign[0]}, which the student's "
                    "tokenizer lacks; choose a pair with the same vocabulary under models",
                    "other-tokenizer",
                )
            yield (
                index,
                {
                    "prompt_id": prompt,
                    "sample_index": place,
                    "response_token_ids": sample.token_ids,
                    "response_text": sample.text,
                    "logprobs": sample.logprobs,
                    "finish_reason": sample.finish_reason,
                },
            )

    return keep_rows(work, name, ROLLOUTS, keys, finish)
