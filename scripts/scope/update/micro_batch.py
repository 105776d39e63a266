"""What goes through the policy at once in an update. Shapes: R response tokens of the pack."""

from dataclasses import dataclass

import polars as pl
from torch import Tensor

from scope.models.packed_forward import Pack


@dataclass(frozen=True)
class MicroBatch:
    """One pack and, per response token, the columns of the batch; NaN where the batch has no value."""

    pack: Pack
    kind: dict[str, Tensor]
    """(R,) mask of each token loss that occurs"""
    coefficient: Tensor
    """(R,) weight / normaliser"""
    engine_logp: Tensor
    scorer_logp: Tensor
    advantage: Tensor
    correct: Tensor
    logp_old: Tensor | None = None


def lengths_of(rows: pl.DataFrame) -> list[int]:
    """Tokens of each row's prompt and response."""
    return (rows["prompt_token_ids"].list.len() + rows["response_token_ids"].list.len()).to_list()
