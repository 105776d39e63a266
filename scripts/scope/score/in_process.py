"""The scorer as a packed forward pass in this process."""

from collections.abc import Container, Iterator, Sequence
from pathlib import Path

from scope.models.isolation import safe_pack_tokens
from scope.models.load import load_model
from scope.models.packed_forward import score_pairs
from scope.models.pair import Pair
from scope.score.backend import Teacher


class InProcessTeacher(Teacher):
    """Holds the model; scores at any temperature."""

    def __init__(self, folder: str | Path, *, dtype: str, temperature: float, pack_tokens: int):
        self.model = load_model(folder, dtype)
        self.temperature = temperature
        self.pack_tokens = safe_pack_tokens(self.model, pack_tokens)

    def score_each(self, pairs: Sequence[Pair], done: Container[int] = ()) -> Iterator[tuple[int, list[float]]]:
        """As score_pairs."""
        yield from score_pairs(self.model, pairs, temperature=self.temperature, budget=self.pack_tokens, done=done)
