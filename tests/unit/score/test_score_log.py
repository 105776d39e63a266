"""What scoring leaves in a stage's log: progress by tokens, and last the sum of what this attempt scored."""

import re
from functools import partial

import pytest

from scope.artifacts import progress
from scope.models.pair import Pair
from scope.score.backend import Teacher

PAIRS = [Pair([3] * 5, [4] * (i + 1)) for i in range(4)]


class Ready(Teacher):
    def score_together(self, pairs, done=()):
        yield from ([(i, [-1.0] * len(pair.response))] for i, pair in enumerate(pairs) if i not in done)


def test_the_log_counts_rollouts_and_tokens_of_this_attempt(tmp_path, monkeypatch, capsys):
    from scope.artifacts.partial import open_partial
    from scope.artifacts.recipe import make_recipe
    from scope.score.rows import score_kept

    monkeypatch.setattr(progress.Progress, "due", lambda self: True)
    monkeypatch.setattr(progress, "duration", lambda seconds: "T")
    work = open_partial(tmp_path / "scores.parquet", make_recipe("score", {}), [])
    score_kept(Ready(), PAIRS, [("p", i) for i in range(4)], work)
    lines = [re.sub(r"[\d.,]+ tokens/s", "R", line) for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        "progress: 1 of 4 rollouts, 6 tokens (R)",
        "progress: 2 of 4 rollouts, 13 tokens (R), about T left",
        "progress: 3 of 4 rollouts, 21 tokens (R), about T left",
        "progress: 4 of 4 rollouts, 30 tokens (R), about T left",
        "4 rollouts, 30 tokens in T (R)",
    ]


class Timed(Teacher):
    """Packs of `size` equal pairs that take 4 s each, the first one 60 s; or servers that answer in such waves.

    A wave's answers arrive one by one, all within its last second.
    """

    def __init__(self, size, *, serves):
        self.size, self.serves, self.now = size, serves, 0.0

    def score_together(self, pairs, done=()):
        for first in range(0, len(pairs), self.size):
            wave = [(i, [-1.0]) for i in range(first, first + self.size)]
            self.now += 3 if self.serves or first else 59
            for count, row in enumerate(wave, 1):
                self.now += 1 / self.size
                if self.serves:
                    self.under_way = self.size - count
                    yield [row]
            if not self.serves:
                yield wave

    def left(self):
        """Seconds of 40 packs or waves."""
        return 160 - self.now if self.serves else 216 - self.now


@pytest.mark.parametrize("serves", [False, True])
def test_every_estimate_of_the_time_left_is_right_to_a_factor_of_two(serves, monkeypatch, capsys):
    from scope.score import backend

    teacher = Timed(16, serves=serves)
    monkeypatch.setattr(backend, "Progress", partial(progress.Progress, clock=lambda: teacher.now))
    monkeypatch.setattr(progress, "duration", lambda seconds: f"{seconds / max(teacher.left(), 4):.2f}")
    teacher.score([Pair([3], [4])] * 640)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("progress")]
    ratios = [float(ratio) for line in lines for ratio in re.findall(r"about (\S+) left", line)]
    assert len(lines) > 5
    assert len(ratios) >= len(lines) - 1, "only the line after the first pack has no estimate"
    assert [ratio for ratio in ratios if not 0.5 <= ratio <= 2] == []


def test_a_teachers_check_counts_probes(capsys):
    assert Ready().score(PAIRS) == [[-1.0] * (i + 1) for i in range(4)]
    assert capsys.readouterr().err.startswith("4 probes, 30 tokens in ")
