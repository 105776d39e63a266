"""Prompts of different lengths as one batch."""

from collections.abc import Sequence

import torch


def pad_left(prompts: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids (B, T) and attention mask (B, T) of prompts, padded on the left.

    Padding repeats a prompt's first token, so that it adds no token to those that a repetition penalty lowers.
    """
    width = max(map(len, prompts))
    ids = [[prompt[0]] * (width - len(prompt)) + list(prompt) for prompt in prompts]
    mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(ids), torch.tensor(mask)
