"""The ids that a tokenizer has: all that is sampled, and all that a probability is divided among.

Many models have more rows than their tokenizer has ids (Qwen2.5: 151,936 rows, 151,665 ids), and a row without a token
has a logit too.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

NEVER = -1e30
"""A logit whose probability is exactly 0; finite, so that 0 times its logarithm is 0 in an entropy or a KL."""


@dataclass(frozen=True)
class TokenIds:
    """Ids below `size`, except `holes`, of which nearly every tokenizer has none."""

    size: int
    holes: tuple[int, ...] = ()

    def __contains__(self, token: int) -> bool:
        return 0 <= token < self.size and token not in self.holes

    def absent(self, rows: int) -> list[int]:
        """The ids of a model with so many rows that no token has."""
        return [*(hole for hole in self.holes if hole < rows), *range(self.size, rows)]

    def within(self, rows: int) -> "TokenIds":
        """Those of a model with so many rows, which can be fewer (Gemma 3 1B: a token for images has none)."""
        return TokenIds(min(self.size, rows), self.holes)

    def of(self, logits: Tensor) -> Tensor:
        """(..., V) logits without those of rows beyond the last token; holes in between have the probability 0."""
        known = logits[..., : self.size]
        if not self.holes:
            return known
        holes = torch.tensor(self.absent(known.shape[-1]), device=logits.device)
        return known.index_fill(-1, holes, NEVER)


def token_ids(tokenizer: PreTrainedTokenizerBase) -> TokenIds:
    """Those of a tokenizer, added tokens included."""
    ids = set(tokenizer.get_vocab().values())
    size = max(ids) + 1
    return TokenIds(size, tuple(i for i in range(size) if i not in ids))
