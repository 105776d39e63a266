"""The scorer as a packed forward pass in this process."""

from collections.abc import Sequence
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
        scored = score_pairs(self.model, pairs, temperature=self.temperature, budget=self.pack_tokens)
        found = dict(tqdm(scored, "score", total=len(pairs), unit="rollout", mininterval=1))
        return [found[index] for index in range(len(pairs))]
