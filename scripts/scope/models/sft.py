"""Supervised steps on Coins routes or bodies of Functions, which give the embedded worlds' models their first skill."""

import random
from collections.abc import Iterator
from itertools import islice

import torch
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase

from scope.errors import InputError
from scope.seeds import derive_seed
from scope.worlds import functions
from scope.worlds.coins import canonical_route, problems, routes, write_route


def train_on_examples(
    model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase, sft, source: Iterator[tuple[str, str]]
) -> float:
    """Minimise the NLL of responses with AdamW under a one-cycle rate; returns the last step's loss in nats per token.

    `sft` is the configuration's section; `source` gives (problem, response) pairs without end.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=sft.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, sft.learning_rate, total_steps=sft.steps, pct_start=0.1, cycle_momentum=False
    )
    model.train()
    for _ in tqdm(range(sft.steps), desc="sft", unit="step", mininterval=1):
        ids, labels = _collate(list(islice(source, sft.batch)), tokenizer)
        loss = model(input_ids=ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    if not loss.isfinite():
        raise InputError("models.*.make.sft: the loss is not finite; lower sft.learning_rate")
    return loss.item()


def examples(data, canonical: float, seed: int) -> Iterator[tuple[str, str]]:
    """(problem, response) pairs of the world in `data`, the configuration's section, without end.

    A response is canonical with probability `canonical`, else a random right one. None of the problems is held out or
    trained on.
    """
    rng = random.Random(derive_seed("sft", seed))
    if data.functions:
        return _function_examples(data.functions, canonical, rng)
    return _puzzle_examples(data.puzzle, canonical, rng)


def _puzzle_examples(puzzle, canonical: float, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Problems that follow the held-out and the training ones in the generator's stream."""
    stream = problems(puzzle.seed, puzzle.digits, puzzle.spend)
    for problem in islice(stream, puzzle.problems + puzzle.prompts, None):
        route = canonical_route(problem) if rng.random() < canonical else rng.choice(routes(problem))
        yield problem, write_route(problem, route)


def _function_examples(settings, canonical: float, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Functions that are neither held out nor trained on, some of them more than once."""
    stream = functions.problems(settings.seed, settings.operations)
    kept = {problem.steps for problem in islice(stream, settings.problems + settings.prompts)}
    while True:
        problem = functions.draw(rng, settings.operations, kept)
        body = functions.write_body(problem.steps, None if rng.random() < canonical else rng)
        yield functions.write_prompt(problem), functions.write_response(body)


def _collate(batch: list[tuple[str, str]], tokenizer: PreTrainedTokenizerBase) -> tuple[torch.Tensor, torch.Tensor]:
    """Right-padded ids (B, T) and labels (B, T), -100 on prompt and padding."""
    prompts, responses = zip(*batch, strict=True)
    encode = lambda texts: tokenizer(list(texts), add_special_tokens=False)["input_ids"]  # noqa: E731
    pairs = [(p, [*r, tokenizer.eos_token_id]) for p, r in zip(encode(prompts), encode(responses), strict=True)]
    width = max(len(p) + len(r) for p, r in pairs)
    ids = torch.full((len(pairs), width), tokenizer.pad_token_id)
    labels = torch.full((len(pairs), width), -100)
    for i, (prompt, response) in enumerate(pairs):
        end = len(prompt) + len(response)
        ids[i, :end] = torch.tensor([*prompt, *response])
        labels[i, len(prompt) : end] = torch.tensor(response)
    return ids, labels
