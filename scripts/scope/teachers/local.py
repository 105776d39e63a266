"""The scorer as a packed forward pass in this process."""

from collections.abc import Container, Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from scope.forward import Pair, score_pairs
from scope.models import load_model


class LocalTeacher:
    """Holds the model; scores at any temperature."""

    def __init__(self, folder: str | Path, *, dtype: str, temperature: float, pack_tokens: int):
        self.model = load_model(folder, dtype)
        self.temperature = temperature
        self.pack_tokens = pack_tokens

    def score(self, pairs: Sequence[Pair]) -> list[list[float]]:
        """Log-probability in nats of every response token of every pair, in order."""
        found = dict(self.score_each(pairs))
        return [found[index] for index in range(len(pairs))]

    def score_each(self, pairs: Sequence[Pair], done: Container[int] = ()) -> Iterator[tuple[int, list[float]]]:
        """Score pack by pack."""
        scored = score_pairs(self.model, pairs, temperature=self.temperature, budget=self.pack_tokens, done=done)
        total = sum(index not in done for index in range(len(pairs)))
        for index, values in tqdm(scored, "score", total=total, unit="rollout", mininterval=1):
            if index not in done:
                yield index, values
