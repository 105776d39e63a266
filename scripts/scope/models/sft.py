"""Supervised steps on examples of an embedded world, which give its models their first skill."""

from collections.abc import Iterator
from itertools import islice
from typing import cast

import torch
from tqdm import tqdm
from transformers import PreTrainedTokenizerBase

from scope.errors import InputError
from scope.models.recipe import SftSettings


def train_on_examples(
    model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase, sft: SftSettings, source: Iterator[tuple[str, str]]
) -> float:
    """Minimise the NLL of responses with AdamW under a one-cycle rate; returns the last step's loss in nats per token.

    `source` gives (problem, response) pairs without end.
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
        raise InputError("models.*.random_init.sft: the loss is not finite; lower sft.learning_rate", "not-finite")
    return loss.item()


def _collate(batch: list[tuple[str, str]], tokenizer: PreTrainedTokenizerBase) -> tuple[torch.Tensor, torch.Tensor]:
    """Right-padded ids (B, T) and labels (B, T), -100 on prompt and padding."""
    prompts, responses = zip(*batch, strict=True)
    prompt_ids, response_ids = (
        tokenizer(list(texts), add_special_tokens=False)["input_ids"] for texts in (prompts, responses)
    )
    pairs = [(p, [*r, tokenizer.eos_token_id]) for p, r in zip(prompt_ids, response_ids, strict=True)]
    width = max(len(p) + len(r) for p, r in pairs)
    ids = torch.full((len(pairs), width), cast(int, tokenizer.pad_token_id))
    labels = torch.full((len(pairs), width), -100)
    for i, (prompt, response) in enumerate(pairs):
        end = len(prompt) + len(response)
        ids[i, :end] = torch.tensor([*prompt, *response])
        labels[i, len(prompt) : end] = torch.tensor(response)
    return ids, labels
