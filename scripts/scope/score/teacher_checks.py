"""Checks before any GPU hour is spent: is the teacher there, is it the right one, and can it score the student?"""

import random
from math import isfinite

import polars as pl
from transformers import PreTrainedTokenizerBase

from scope.errors import InputError
from scope.models.pair import Pair

TOLERANCE = {"float32": 1e-4, "bfloat16": 0.25}


def probe_pairs(prompts: pl.DataFrame, vocab_size: int, count: int = 16, tokens: int = 16) -> list[Pair]:
    """Some prompts with random response tokens, the same in every run."""
    rng = random.Random(0)
    chosen = prompts.sort("prompt_id").head(count)["prompt_token_ids"].to_list()
    return [Pair(prompt, [rng.randrange(vocab_size) for _ in range(tokens)]) for prompt in chosen]


def check_token_map(student: PreTrainedTokenizerBase, teacher: PreTrainedTokenizerBase) -> str:
    """Every id of the student's vocabulary must mean the same token to the teacher."""
    theirs = {i: token for token, i in teacher.get_vocab().items()}
    for token, i in sorted(student.get_vocab().items(), key=lambda item: item[1]):
        if theirs.get(i) != token:
            raise InputError(
                f"token map: id {i} is {token!r} to the student but {theirs.get(i)!r} to the teacher; "
                "a teacher must share the student's tokenizer: choose another pair under models",
                "other-tokenizer",
            )
    if student.eos_token_id != teacher.eos_token_id:
        raise InputError(
            f"token map: the student ends with id {student.eos_token_id}, the teacher with "
            f"{teacher.eos_token_id}; choose another pair under models",
            "other-tokenizer",
        )
    return f"{len(student.get_vocab())} student tokens have the same ids in the teacher"


def check_finite(scores: list[list[float]]) -> str:
    """Probe log-probabilities must be finite."""
    values = [value for row in scores for value in row]
    bad = [value for value in values if not isfinite(value)]
    if bad:
        raise InputError(
            f"probe: {len(bad)} of {len(values)} teacher log-probabilities are not finite (such as "
            f"{bad[0]}); the teacher's weights are damaged",
            "invalid-logprobs",
        )
    return f"{len(values)} probe log-probabilities are finite, mean {sum(values) / len(values):.4f} nats"


def check_agreement(scores: list[list[float]], reference: list[list[float]], dtype: str, names: tuple[str, str]) -> str:
    """Two backends must give the same log-probabilities, to what the arithmetic allows."""
    gap = max(abs(a - b) for x, y in zip(scores, reference, strict=True) for a, b in zip(x, y, strict=True))
    if not gap <= TOLERANCE[dtype]:
        raise InputError(
            f"probe: {names[0]} and {names[1]} differ by {gap:.2e} nats, more than {TOLERANCE[dtype]} in "
            f"{dtype}; they do not hold the same weights",
            "different-weights",
        )
    return f"{names[0]} and {names[1]} agree to {gap:.1e} nats ({dtype})"
