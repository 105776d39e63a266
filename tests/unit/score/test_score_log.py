"""What scoring leaves in a stage's log: progress by tokens, and last the sum of what this attempt scored."""

import re

from scope.artifacts import progress
from scope.models.pair import Pair
from scope.score.backend import Teacher

PAIRS = [Pair([3] * 5, [4] * (i + 1)) for i in range(4)]


class Ready(Teacher):
    def score_each(self, pairs, done=()):
        yield from ((i, [-1.0] * len(pair.response)) for i, pair in enumerate(pairs) if i not in done)


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
        "progress: 1 of 4 rollouts, 6 tokens (R), about T left",
        "progress: 2 of 4 rollouts, 13 tokens (R), about T left",
        "progress: 3 of 4 rollouts, 21 tokens (R), about T left",
        "progress: 4 of 4 rollouts, 30 tokens (R), about T left",
        "4 rollouts, 30 tokens in T (R)",
    ]


def test_a_teachers_check_counts_probes(capsys):
    assert Ready().score(PAIRS) == [[-1.0] * (i + 1) for i in range(4)]
    assert capsys.readouterr().err.startswith("4 probes, 30 tokens in ")
