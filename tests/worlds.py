"""Small worlds for tests: tiny Qwen3 models, made-up rounds, and the settings that go with them."""

import random
from dataclasses import dataclass, replace

import polars as pl
import torch

from schemas import SCHEMAS
from scope.config.training import Objective
from scope.method.batch import KEY, build_batch
from scope.models.packed_forward import score_pairs
from scope.models.pair import Pair
from scope.models.random_init import make_model
from scope.models.recipe import ModelShape
from scope.models.tokenizers import character_tokenizer
from scope.planning.derived import resolve_objective

EOS = 1
SHAPE = {"hidden_size": 16, "intermediate_size": 32, "layers": 2, "heads": 2, "kv_heads": 1, "head_dim": 8}


@dataclass(frozen=True)
class Round:
    """What the stages before `weigh` hand it."""

    rollouts: pl.DataFrame
    verdicts: pl.DataFrame
    scores: pl.DataFrame | None
    prompts: pl.DataFrame
    order: list[str]

    def but(self, **tables):
        return replace(self, **tables)


def made_up_round(verdicts, seed=0):
    """Random tokens and log-probabilities; `verdicts` maps each prompt to the marks of its group, such as "110"."""
    rng = random.Random(seed)
    tokens = lambda low, high: [rng.randrange(3, 17) for _ in range(rng.randint(low, high))]  # noqa: E731
    rows = [
        {
            "prompt_id": prompt,
            "sample_index": index,
            "correct": mark == "1",
            "reason": "made up",
            "response_text": "",
            "finish_reason": "stop",
            "response_token_ids": [*tokens(2, 12), EOS],
        }
        for prompt, marks in verdicts.items()
        for index, mark in enumerate(marks)
    ]
    for row in rows:
        row["logprobs"], row["scorer_logprobs"] = ([-3 * rng.random() for _ in row["response_token_ids"]] for _ in "ab")
    prompts = [
        {
            "prompt_id": prompt,
            "prompt_token_ids": tokens(3, 9),
            **dict.fromkeys(("problem", "answer", "source"), ""),
            "domain": "puzzle",
        }
        for prompt in verdicts
    ]
    return Round(
        table("rollouts", rows),
        table("verdicts", rows),
        table("scores", rows),
        table("prompts", prompts),
        list(verdicts),
    )


def table(kind, rows):
    """Rows as a frame with the columns and types of one kind of artifact."""
    return pl.DataFrame(rows, schema=SCHEMAS[kind].empty().schema)


def scored_by(round_, student, scorer, *, student_temperature=1.0, teacher_temperature=1.0):
    """The round with log-probabilities that two models really give."""
    rows = round_.rollouts.join(round_.prompts.select("prompt_id", "prompt_token_ids"), on="prompt_id").sort(KEY)
    as_series = lambda values: pl.Series(values, dtype=pl.List(pl.Float32))  # noqa: E731
    return round_.but(
        rollouts=rows.with_columns(logprobs=as_series(logprobs(student, rows, student_temperature))),
        scores=rows.select(KEY).with_columns(scorer_logprobs=as_series(logprobs(scorer, rows, teacher_temperature))),
    )


def logprobs(model, rows, temperature=1.0, budget=4096):
    """Log-probability of every response token of every row, by the library's packed forward pass."""
    pairs = [Pair(*ids) for ids in rows.select("prompt_token_ids", "response_token_ids").iter_rows()]
    scores = dict(score_pairs(model, pairs, temperature=temperature, budget=budget))
    return [scores[index] for index in range(len(pairs))]


def weigh(round_, objective, prompts_per_step=None):
    """The round's batch, in one optimizer step unless told."""
    return build_batch(**vars(round_), objective=objective, prompts_per_step=prompts_per_step or len(round_.order))


def objective_of(method="scope", mode="paper", **changes):
    """The section `objective` as a recipe holds it."""
    return resolve_objective(Objective(method=method, mode=mode, **changes))


def tiny_model(seed):
    """A random Qwen3 with sharp next-token distributions."""
    model = make_model(ModelShape(**SHAPE, seed=seed), character_tokenizer()).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(15)
    return model
