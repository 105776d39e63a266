"""What goes through the policy at once in an update. Shapes: R response tokens of the pack."""

from dataclasses import dataclass

import polars as pl
import torch
from torch import Tensor

from scope.models.packed_forward import Pack, pack
from scope.models.pair import Pair


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


def micro_batch(rows: pl.DataFrame, device: torch.device) -> MicroBatch:
    """Lay rows end to end and spread their figures over their response tokens."""
    pairs = [Pair(*ids) for ids in rows.select("prompt_token_ids", "response_token_ids").iter_rows()]
    packed = pack(pairs, device)
    spread = lambda values: torch.tensor(values, device=device)[packed.row]  # noqa: E731
    kinds = rows["loss"].to_list()
    return MicroBatch(
        pack=packed,
        kind={kind: spread([k == kind for k in kinds]) for kind in sorted(set(kinds))},
        coefficient=spread((rows["weight"] / rows["normaliser"]).to_numpy()),
        engine_logp=token_values(rows, "logprobs").to(device),
        scorer_logp=token_values(rows, "scorer_logprobs").to(device),
        advantage=spread(rows["advantage"].cast(pl.Float64).fill_null(float("nan")).to_numpy()),
        correct=spread(rows["correct"].to_list()),
    )
