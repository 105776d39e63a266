"""The packed forward pass: several (prompt, response) pairs in one row, without padding.

Shapes: N tokens of a pack, R response tokens of a pack, V vocabulary. Attention stays inside each pair because
position ids restart at every pair; isolation.py measures whether it does. Only the R positions that predict response
tokens reach the LM head.
"""

import inspect
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from scope.models.pair import Pair
from scope.models.token_ids import TokenIds


@dataclass(frozen=True)
class Pack:
    """Concatenated pairs."""

    input_ids: Tensor
    """(1, N)"""
    position_ids: Tensor
    """(1, N), from 0 in every pair"""
    predicts: Tensor
    """(R,) positions whose logits predict the response tokens"""
    targets: Tensor
    """(R,) the response tokens"""
    row: Tensor
    """(R,) index of the pair that each response token belongs to"""


def plan_packs(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Cut rows, in order, into packs of at most `budget` tokens; a longer row gets a pack of its own."""
    packs: list[list[int]] = []
    free = 0
    for index, length in enumerate(lengths):
        if length > free:
            packs.append([])
            free = budget
        packs[-1].append(index)
        free -= length
    return packs


def pack(pairs: Sequence[Pair], device: torch.device) -> Pack:
    """Concatenate pairs."""
    ids, positions, predicts, targets, rows = [], [], [], [], []
    for row, pair in enumerate(pairs):
        first = len(ids) + len(pair.prompt)
        ids += [*pair.prompt, *pair.response]
        positions += range(len(pair))
        predicts += range(first - 1, first - 1 + len(pair.response))
        targets += pair.response
        rows += [row] * len(pair.response)
    columns = ([ids], [positions], predicts, targets, rows)
    return Pack(*(torch.tensor(values, dtype=torch.long, device=device) for values in columns))


def response_logits(model: torch.nn.Module, pack: Pack, tokens: TokenIds | None = None) -> Tensor:
    """(R, V) float32 logits at the positions that predict response tokens, of the ids in `tokens`, else of all rows."""
    logits_RV = forward(model, pack, pack.predicts)
    return (tokens.of(logits_RV) if tokens else logits_RV).float()


def forward(model: torch.nn.Module, pack: Pack, positions_R: Tensor) -> Tensor:
    """(R, V) logits at some positions of a pack, with the position ids where the architecture takes them."""
    taken = inspect.signature(getattr(model, "module", model).forward).parameters
    options = {"position_ids": pack.position_ids, "logits_to_keep": positions_R}
    known = {name: value for name, value in options.items() if name in taken}
    logits_TV = model(input_ids=pack.input_ids, use_cache=False, **known).logits[0]
    return logits_TV if "logits_to_keep" in known else logits_TV[positions_R]


def log_probabilities(logits_RV: Tensor, temperature: float) -> Tensor:
    """(R, V) log pi(.) at a temperature: log softmax(logits / temperature)."""
    return torch.log_softmax(logits_RV / temperature, dim=-1)


def gather_targets(logp_RV: Tensor, targets_R: Tensor) -> Tensor:
    """(R,) log-probability of each response token."""
    return logp_RV.gather(1, targets_R[:, None])[:, 0]


@torch.no_grad()
def score_pairs(
    model: torch.nn.Module,
    pairs: Sequence[Pair],
    *,
    temperature: float,
    budget: int,
    done: Container[int] = (),
    tokens: TokenIds | None = None,
) -> Iterator[tuple[int, list[float]]]:
    """Yield (index of the pair, log-probability in nats of each of its response tokens, among the ids in `tokens`).

    Skips pairs that are `done`, and packs with nothing else; the packs do not depend on `done`.
    """
    device = next(model.parameters()).device
    for indices in plan_packs([len(pair) for pair in pairs], budget):
        if all(index in done for index in indices):
            continue
        packed = pack([pairs[i] for i in indices], device)
        logp_RV = log_probabilities(response_logits(model, packed, tokens), temperature)
        logp_R = gather_targets(logp_RV, packed.targets).cpu()
        for row, part in enumerate(logp_R.split([len(pairs[i].response) for i in indices])):
            if indices[row] not in done:
                yield indices[row], part.tolist()
