"""The scorer as a packed forward pass in this process."""

from collections.abc import Container, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from scope.models.isolation import Packing, packing_of
from scope.models.load import load_model, load_tokenizer
from scope.models.pack_plan import PACK_TOKENS, log_long_rows
from scope.models.packed_forward import score_packs
from scope.models.pair import Pair
from scope.models.token_ids import TokenIds, token_ids
from scope.score.backend import Teacher


class InProcessTeacher(Teacher):
    """Holds the model; scores at any temperature, among the ids that the model's own tokenizer has.

    Without `pack_tokens`, packs are as long as suits the device.
    """

    def __init__(
        self, folder: str | Path, *, dtype: str, temperature: float, pack_tokens: int | None, attention: str = "auto"
    ):
        self.model = load_model(folder, dtype)
        self.tokens: TokenIds | None = token_ids(load_tokenizer(folder))
        self.temperature = temperature
        self.pack_tokens = pack_tokens or PACK_TOKENS[self.model.device.type]
        self.attention = attention

    @cached_property
    def packing(self) -> Packing:
        """How packs go through the model; until it is asked for, the model attends by its own attention."""
        return packing_of(self.model, self.pack_tokens, self.attention)

    def score_together(
        self, pairs: Sequence[Pair], done: Container[int] = ()
    ) -> Iterator[list[tuple[int, list[float]]]]:
        """As score_packs."""
        log_long_rows([len(pair) for pair in pairs], self.packing.tokens)
        yield from score_packs(
            self.model,
            pairs,
            temperature=self.temperature,
            budget=self.packing.tokens,
            done=done,
            tokens=self.tokens,
            linear=self.packing.linear,
        )
