"""What goes through the policy at once in an update. Shapes: R response tokens of the pack."""

from dataclasses import dataclass

import polars as pl
import torch
from torch import Tensor

from scope.models.packed_forward import Pack


@dataclass(frozen=True)
class MicroBatch:
    """One pack and, per response token, the columns of the batch; NaN where the batch has no value."""

    pack: Pack
    kind: dict[str, Tensor]
    """(R,) mask of each token loss that occurs"""
    coefficient: Tensor
    """(R,) weight / normaliser, float64"""
    engine_logp: Tensor
    scorer_logp: Tensor
    advantage: Tensor
    correct: Tensor
    logp_old: Tensor | None = None


def lengths_of(rows: pl.DataFrame) -> list[int]:
    """Tokens of each row's prompt and response."""
    return (rows["prompt_token_ids"].list.len() + rows["response_token_ids"].list.len()).to_list()


def token_values(rows: pl.DataFrame, column: str) -> Tensor:
    """(R,) float32: a list column of response tokens, row after row; NaN for a row that has none."""
    values = [
        value if value is not None else [float("nan")] * length
        for value, length in zip(rows[column].to_list(), rows["response_token_ids"].list.len(), strict=True)
    ]
    return torch.tensor([v for row in values for v in row], dtype=torch.float32)
