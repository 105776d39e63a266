"""Supervised fine-tuning: gives a made model its first skill, or makes a teacher of a pretrained model."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from math import isfinite

import torch

from scope.artifacts.progress import Progress, counted
from scope.errors import InputError
from scope.models.pair import Pair
from scope.models.recipe import SftSettings

MICRO_TOKENS = 4096
"""At most so many tokens, padding included, go through the model at once, if more than one pair does."""
IGNORED = -100


def fine_tune(model: torch.nn.Module, sft: SftSettings, source: Iterator[Pair]) -> None:
    """Minimise the NLL of responses, in nats per token, with AdamW under a one-cycle rate.

    `source` gives pairs without end. Raises InputError where the loss is not finite.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=sft.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, sft.learning_rate, total_steps=sft.steps, pct_start=0.1, cycle_momentum=False
    )
    model.train()
    loss = 0.0
    with Progress("step", sft.steps) as progress:
        for step in range(1, sft.steps + 1):
            pairs = list(islice(source, sft.batch))
            loss = _step(model, pairs)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            progress.add(sum(map(len, pairs)))
            if step == 1:
                progress.end_warm_up(step)
            if progress.due():
                progress.show(step, sft.steps - step)
        if not isfinite(loss):
            raise InputError("models.*.sft: the loss is not finite; lower sft.learning_rate", "not-finite")
        progress.note = f"; the last step's loss is {loss:.4f} nats per token"
    model.eval()


def _step(model: torch.nn.Module, pairs: Sequence[Pair]) -> float:
    """Gradients of the mean NLL over all response tokens of the pairs; returns it."""
    tokens, total = sum(len(pair.response) for pair in pairs), 0.0
    for part in _parts(pairs):
        loss = _nll(model, part, tokens)
        loss.backward()
        total += loss.item()
    return total


def _nll(model: torch.nn.Module, pairs: Sequence[Pair], tokens: int) -> torch.Tensor:
    """The pairs' part of the mean NLL over so many response tokens."""
    ids, labels = _collate(pairs, next(model.parameters()).device)
    return model(input_ids=ids, labels=labels, num_items_in_batch=tokens, use_cache=False).loss


@torch.no_grad()
def mean_nll(model: torch.nn.Module, pairs: Sequence[Pair]) -> float:
    """NLL of the pairs' responses in nats per token, without a gradient."""
    tokens = sum(len(pair.response) for pair in pairs)
    return sum(_nll(model, part, tokens).item() for part in _parts(pairs))


def distinct(pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs without repetitions: a batch may be larger than a file of solutions."""
    return list({(tuple(pair.prompt), tuple(pair.response)): pair for pair in pairs}.values())


def rounding_note(trained: float, saved: float, dtype: torch.dtype, examples: int) -> str:
    """What rounding the weights to the format of the folder does to the loss (nats per token) on so many examples."""
    name = str(dtype).removeprefix("torch.")
    on = counted(examples, "example")
    note = f"sft: {trained:.4f} nats per token on {on} after the last step, {saved:.4f} as saved in {name}"
    if saved < trained + max(0.02, 0.25 * trained):
        return note
    return f"{note}; {name} rounds small changes of the weights away: raise models.*.sft.learning_rate"


def _parts(pairs: Sequence[Pair]) -> Iterator[Sequence[Pair]]:
    """Consecutive pairs that, padded to the longest, have at most MICRO_TOKENS tokens."""
    size = max(1, MICRO_TOKENS // max(map(len, pairs)))
    yield from (pairs[first : first + size] for first in range(0, len(pairs), size))


def _collate(pairs: Sequence[Pair], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids (B, T) padded on the right, where nothing attends to it, and labels (B, T): IGNORED but for responses."""
    width = max(map(len, pairs))
    ids = torch.zeros((len(pairs), width), dtype=torch.long)
    labels = torch.full((len(pairs), width), IGNORED)
    for row, pair in enumerate(pairs):
        ids[row, : len(pair)] = torch.tensor([*pair.prompt, *pair.response])
        labels[row, len(pair.prompt) : len(pair)] = torch.tensor(pair.response)
    return ids.to(device), labels.to(device)
