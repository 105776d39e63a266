"""Supervised steps on Coins routes, which give the embedded world's models their first skill."""

import random
from collections.abc import Iterator
from itertools import islice

import torch
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase

from scope.errors import InputError
from scope.puzzle import canonical_route, problems, routes, write_route
from scope.seeds import derive_seed


def train_on_puzzle(model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase, sft, puzzle, seed: int) -> float:
    """Minimise the NLL of routes with AdamW under a one-cycle rate; returns the last step's loss in nats per token.

    `sft` and `puzzle` are the configuration's sections. The problems follow the held-out and the training ones
    in the generator's stream, so they share none with either.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=sft.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, sft.learning_rate, total_steps=sft.steps, pct_start=0.1, cycle_momentum=False
    )
    source = examples(puzzle, sft.canonical, seed)
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


def examples(puzzle, canonical: float, seed: int) -> Iterator[tuple[str, str]]:
    """(problem, response) pairs: the canonical route with probability `canonical`, else a random valid one."""
    rng = random.Random(derive_seed("sft", seed))
    stream = problems(puzzle.seed, puzzle.digits, puzzle.spend)
    for problem in islice(stream, puzzle.problems + puzzle.prompts, None):
        route = canonical_route(problem) if rng.random() < canonical else rng.choice(routes(problem))
        yield problem, write_route(problem, route)


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
