"""Rounds in which nothing was trained, and rounds whose responses were all cut off: alarms, not results."""

from collections.abc import Iterable, Sequence
from itertools import groupby

import polars as pl

from scope.report.load import Artifact

Run = tuple[str, int]
NO_LOSS, NO_RATE = "no rollout counted in the loss", "the learning rate was 0"


def untrained(metrics: pl.DataFrame, files: Iterable[Artifact]) -> dict[Run, dict[str, list[int]]]:
    """The rounds without any training, by run (arm, seed) and cause.

    A round whose file has no step is one: every rollout was dropped before the update.
    """
    found: dict[Run, dict[str, list[int]]] = {}
    steps = metrics.group_by("arm", "seed", "round").agg(
        no_loss=_all_zero("trained"), no_rate=_all_zero("learning_rate")
    )
    by_round = {(arm, seed, round_): flags for arm, seed, round_, *flags in steps.rows()}
    labelled = {tuple(file.labels("arm", "seed", "round").values()) for file in files}
    for arm, seed, round_ in sorted(labelled | by_round.keys()):
        no_loss, no_rate = by_round.get((arm, seed, round_), (True, False))
        if no_loss or no_rate:
            cause = NO_LOSS if no_loss else NO_RATE
            found.setdefault((arm, seed), {}).setdefault(cause, []).append(round_)
    return found


def cut_off(metrics: pl.DataFrame) -> dict[Run, list[int]]:
    """The rounds by run in which every response reached the limit of tokens."""
    rounds = metrics.group_by("arm", "seed", "round").agg(
        all=(pl.col("truncated") == 1).all() & pl.col("truncated").count().gt(0)
    )
    found: dict[Run, list[int]] = {}
    for arm, seed, round_ in rounds.filter("all").sort("arm", "seed", "round").select("arm", "seed", "round").rows():
        found.setdefault((arm, seed), []).append(round_)
    return found


def alarms(metrics: pl.DataFrame, files: Iterable[Artifact]) -> list[str]:
    """A sentence for each run and cause."""
    lines = [
        f"{arm}, seed {seed}: nothing was trained in {rounds_in_words(rounds)}: {cause}."
        for (arm, seed), causes in untrained(metrics, files).items()
        for cause, rounds in causes.items()
    ]
    return lines + [
        f"{arm}, seed {seed}: every response of {rounds_in_words(rounds)} was cut off at rollout.max_tokens."
        for (arm, seed), rounds in cut_off(metrics).items()
    ]


def by_arm(found: dict[Run, dict[str, list[int]]]) -> dict[str, str]:
    """By arm, its rounds without training in words: those of any seed."""
    rounds: dict[str, set[int]] = {}
    for (arm, _), causes in found.items():
        rounds.setdefault(arm, set()).update(*causes.values())
    return {arm: f"nothing was trained in {rounds_in_words(sorted(those))}" for arm, those in rounds.items()}


def rounds_in_words(rounds: Sequence[int]) -> str:
    """`round 3`, or `rounds 1 to 4 and 6`."""
    runs = [[round_ for _, round_ in run] for _, run in groupby(enumerate(rounds), lambda pair: pair[1] - pair[0])]
    parts = [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    words = " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]
    return f"round{'s' if len(rounds) > 1 else ''} {words}"


def _all_zero(column: str) -> pl.Expr:
    return (pl.col(column) == 0).fill_null(False).all()
