"""Checks before any GPU hour is spent: is the teacher there, is it the right one, and can it score the student?"""

from collections.abc import Sequence
from math import isfinite

import polars as pl
import torch
from transformers import PreTrainedTokenizerBase

from scope.errors import InputError
from scope.models.pair import Pair
from scope.score.reference import TOKENS, OwnPass

MEAN_GAP = {"float32": 1e-4, "bfloat16": 0.1}
LARGE_GAP = {"float32": 5e-4, "bfloat16": 0.3}
"""Nats that rounding explains, on average and at 95 of 100 tokens; docs/clusters.md has the measurements."""
ABSENT_NATS = 0.01
"""Nats by which ids that no token has may lower a server's log-probabilities on average; they shift every advantage.

Measured on SmolLM2-135M with 128 rows added, in float32: 9e-7 where they are the mean of the others, 9e-5 where they
are 0, 1.5e-4 where they are random with the initial deviation of 0.02, and 0.26 with that of trained rows, 0.14.
"""
PROBES = 16


def probe_prompts(prompts: pl.DataFrame) -> list[list[int]]:
    """Token ids of some prompts, the same in every run."""
    return prompts.sort("prompt_id").head(PROBES)["prompt_token_ids"].to_list()


def echoes(prompts: Sequence[Sequence[int]]) -> list[Pair]:
    """Each prompt with its own first TOKENS tokens again, to be scored where the teacher writes no continuations."""
    return [Pair(ids, ids[:TOKENS]) for ids in prompts]


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
    return f"{len(student.get_vocab())} student tokens have the same ids in the teacher"


def check_end_tokens(
    student: PreTrainedTokenizerBase, teacher: PreTrainedTokenizerBase, ends: tuple[list[int], list[int]]
) -> str:
    """The tokenizer's EOS of each must be among the `ends`, student's and teacher's, at which the other stops too.

    Of a tokenizer without EOS, any of its model's. Other ends that only one of them has are reported.
    """
    ours, theirs = ends
    found = f"the student ends with {_named(student, ours)}, the teacher with {_named(teacher, theirs)}"
    if not (_main(student, ours) & set(theirs) and _main(teacher, theirs) & set(ours)):
        raise InputError(
            f"end tokens: {found}; set the student's eos_token in tokenizer_config.json, and its eos_token_id in "
            "config.json and generation_config.json, to the teacher's, or choose another pair under models",
            "other-tokenizer",
        )
    return found


def _main(tokenizer: PreTrainedTokenizerBase, ends: list[int]) -> set[int]:
    return {end for end in ends if end == tokenizer.eos_token_id} or set(ends)


def _named(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> str:
    return ", ".join(f"{token} (id {i})" for i, token in zip(ids, tokenizer.convert_ids_to_tokens(ids), strict=True))


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


def check_rows(student: PreTrainedTokenizerBase, student_rows: int, rows: int) -> str:
    """The teacher's embeddings must have a row for every token that the student has a row for.

    Tokenizers can have more ids than their model has rows (Gemma 3 1B: a token for images).
    """
    needed = min(max(student.get_vocab().values()) + 1, student_rows)
    if rows < needed:
        raise InputError(
            f"token rows: the teacher's embeddings have {rows} rows, but the student's tokens need {needed}; choose "
            "another pair under models",
            "other-tokenizer",
        )
    return f"{rows} rows of embeddings for {needed} student tokens"


def compare(own: OwnPass | None, other: list[list[float]], name: str, dtype: str, *, served: bool) -> dict[str, str]:
    """What a pass in this process and another one of the same weights find; there is no `own` one of quantized weights
    that are served, with which vLLM may compute in another way than transformers does."""
    if own is None:
        missing = "the weights are quantized, and only the servers scored them"
        return {"absent_tokens": f"not measured: {missing}", "agreement": f"not compared: {missing}"}
    names = (name, "in_process") if served else ("in_process", name)
    expected = own.over_all_rows if served else own.scores
    return {
        "absent_tokens": check_absent(own.scores, own.over_all_rows, served),
        "agreement": check_agreement(other, expected, dtype, names),
    }


def check_absent(scores: list[list[float]], over_all_rows: list[list[float]], served: bool) -> str:
    """Ids that no token has must hold next to no probability where a server scores, which counts them."""
    gaps = [a - b for x, y in zip(scores, over_all_rows, strict=True) for a, b in zip(x, y, strict=True)]
    found = f"{sum(gaps) / len(gaps):.1e} nats on average"
    if served and not sum(gaps) <= ABSENT_NATS * len(gaps):
        raise InputError(
            f"absent tokens: ids that the teacher's tokenizer lacks lower the server's log-probabilities by {found}, "
            f"more than {ABSENT_NATS}; set teacher.backend to in_process, which excludes them",
            "absent-tokens",
        )
    return f"ids that the teacher's tokenizer lacks take {found} {'from' if served else 'and are excluded from'} scores"


def check_agreement(scores: list[list[float]], reference: list[list[float]], dtype: str, names: tuple[str, str]) -> str:
    """Two backends must give the same log-probabilities, on average and at most tokens, to what rounding allows.

    The largest difference is reported and decides nothing: at a single unlikely token rounding can make it large.
    """
    pairs = [pair for x, y in zip(scores, reference, strict=True) for pair in zip(x, y, strict=True)]
    gaps_N = torch.tensor([abs(a - b) for a, b in pairs])
    mean, large, largest = gaps_N.mean().item(), gaps_N.quantile(0.95).item(), gaps_N.max().item()
    found = f"by {mean:.1e} nats on average, {large:.1e} at the 95th percentile, {largest:.1e} at most ({dtype})"
    if not (mean <= MEAN_GAP[dtype] and large <= LARGE_GAP[dtype]):
        raise InputError(
            f"probe: {names[0]} and {names[1]} differ {found}; rounding explains {MEAN_GAP[dtype]} on average and "
            f"{LARGE_GAP[dtype]} at the 95th percentile: they do not hold the same weights",
            "different-weights",
        )
    return f"{names[0]} and {names[1]} agree: they differ {found}"
