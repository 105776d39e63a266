"""The packed forward pass: several (prompt, response) pairs in one row, without padding.

Shapes: N tokens of a pack, S pairs, R response tokens, V vocabulary, H hidden size. Attention stays inside each pair,
by the ends of pairs (packed_attention.py), or because position ids restart at each; isolation.py measures whether it
does. Of the R positions that predict response tokens, the head sees hidden states, a chunk at a time (head.py).
"""

import inspect
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor
from transformers import PreTrainedModel

from scope.models.head import Distribution, Hidden, token_log_probabilities
from scope.models.pack_plan import plan_packs
from scope.models.packed_attention import PACKED, attention_of
from scope.models.pair import Pair
from scope.models.token_ids import TokenIds

Value = TypeVar("Value")


@dataclass(frozen=True)
class Pack:
    """Concatenated pairs."""

    input_ids: Tensor
    """(1, N)"""
    position_ids: Tensor
    """(1, N), from 0 in every pair"""
    ends: Tensor
    """(S + 1,) int32, 0 and the end of each pair"""
    longest: int
    """Tokens of the longest pair"""
    predicts: Tensor
    """(R,) positions whose logits predict the response tokens"""
    targets: Tensor
    """(R,) the response tokens"""
    row: Tensor
    """(R,) index of the pair that each response token belongs to"""


def pack(pairs: Sequence[Pair], device: torch.device) -> Pack:
    """Concatenate pairs."""
    ids, positions, ends, predicts, targets, rows = [], [], [0], [], [], []
    for row, pair in enumerate(pairs):
        first = len(ids) + len(pair.prompt)
        ids += [*pair.prompt, *pair.response]
        positions += range(len(pair))
        ends.append(len(ids))
        predicts += range(first - 1, first - 1 + len(pair.response))
        targets += pair.response
        rows += [row] * len(pair.response)
    on_device = lambda values: torch.tensor(values, dtype=torch.long, device=device)  # noqa: E731
    ids_1N, positions_1N, ends_S, *of_responses = map(on_device, ([ids], [positions], ends, predicts, targets, rows))
    return Pack(ids_1N, positions_1N, ends_S.int(), max(map(len, pairs)), *of_responses)


class HeadNotCalled(Exception):
    """The model has no linear layer as a head, or does not call it."""


def at_responses(
    model: torch.nn.Module, pack: Pack, compute: Callable[[Hidden], Tensor], *, linear: bool = True
) -> Tensor:
    """The scalar that `compute` makes of the hidden states at positions that predict response tokens.

    It takes the place of the head's own forward pass, so that DeepSpeed has gathered the weight and reduces its
    gradient. An architecture whose logits are more than a linear head (`linear` false) gives them in place of hidden
    states and weight. Raises HeadNotCalled where there is no such head after all.
    """
    if not linear:
        return compute(Hidden(forward(model, pack, pack.predicts)))
    inner, keeps, calls = getattr(model, "module", model), "logits_to_keep" in _taken(model), 0
    head = inner.get_output_embeddings() if isinstance(inner, PreTrainedModel) else None
    if not isinstance(head, torch.nn.Linear):
        raise HeadNotCalled

    def computed(input: Tensor) -> Tensor:  # named as in the method that it takes the place of
        nonlocal calls
        calls += 1
        states_RH = input[0] if keeps else input[0, pack.predicts]
        return compute(Hidden(states_RH, head.weight, head.bias)).reshape(1, 1, 1)

    head.forward = computed
    try:
        scalar = _outputs(model, pack, pack.predicts).reshape(())
    finally:
        del head.forward  # what is left is the method of its class
    if calls != 1:
        raise HeadNotCalled
    return scalar


def forward(model: torch.nn.Module, pack: Pack, positions_R: Tensor) -> Tensor:
    """(R, V) logits at some positions of a pack."""
    logits_TV = _outputs(model, pack, positions_R)[0]
    return logits_TV if "logits_to_keep" in _taken(model) else logits_TV[positions_R]


def _outputs(model: torch.nn.Module, pack: Pack, positions_R: Tensor) -> Tensor:
    """What comes out where the logits do; position ids and ends of pairs go in where the architecture takes them."""
    options = {"position_ids": pack.position_ids, "logits_to_keep": positions_R}
    taken = _taken(model)
    known: dict[str, Any] = {name: value for name, value in options.items() if name in taken}
    if attention_of(getattr(model, "module", model)) == PACKED:
        known |= {"cu_seq_lens_q": pack.ends, "max_length_q": pack.longest}
    return model(input_ids=pack.input_ids, use_cache=False, **known).logits


def _taken(model: torch.nn.Module) -> Container[str]:
    """The arguments of its forward pass."""
    return inspect.signature(getattr(model, "module", model).forward).parameters


def score_pairs(model: torch.nn.Module, pairs: Sequence[Pair], **options: Any) -> Iterator[tuple[int, list[float]]]:
    """As score_packs, pair by pair."""
    for scored in score_packs(model, pairs, **options):
        yield from scored


@torch.no_grad()
def score_packs(
    model: torch.nn.Module,
    pairs: Sequence[Pair],
    *,
    temperature: float,
    budget: int,
    done: Container[int] = (),
    tokens: TokenIds | None = None,
    linear: bool = True,
) -> Iterator[list[tuple[int, list[float]]]]:
    """Yield, for each pack, (index of a pair, log-probability in nats of each of its response tokens, among `tokens`).

    Skips pairs that are `done`, and packs with nothing else; the packs do not depend on `done`.
    """
    device = next(model.parameters()).device
    for indices in plan_packs([len(pair) for pair in pairs], budget):
        if all(index in done for index in indices):
            continue
        packed = pack([pairs[i] for i in indices], device)
        logp_R = response_log_probabilities(model, packed, temperature, tokens, linear=linear).cpu()
        parts = logp_R.split([len(pairs[i].response) for i in indices])
        yield [(index, part.tolist()) for index, part in zip(indices, parts, strict=True) if index not in done]


@torch.no_grad()
def response_log_probabilities(
    model: torch.nn.Module, pack: Pack, temperature: float, tokens: TokenIds | None = None, *, linear: bool = True
) -> Tensor:
    """(R,) log-probability in nats of each response token, without a gradient."""
    logp_of = lambda hidden: token_log_probabilities(Distribution(hidden, temperature, tokens), pack.targets)  # noqa: E731
    return read_at_responses(model, pack, logp_of, linear=linear)


@torch.no_grad()
def read_at_responses(
    model: torch.nn.Module, pack: Pack, read: Callable[[Hidden], Value], *, linear: bool = True
) -> Value:
    """What `read` makes of the hidden states, as at_responses, without a gradient."""
    found: list[Value] = []

    def compute(hidden: Hidden) -> Tensor:
        found.append(read(hidden))
        return hidden.states.new_zeros(())

    at_responses(model, pack, compute, linear=linear)
    return found[0]
