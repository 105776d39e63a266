"""What a path below results/ is: the paths that layout.py makes, parsed."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from scope.artifacts.layout import Round
from scope.artifacts.names import RESTORED, RESULTS, SHARED

_PLACE = re.compile(
    rf"{RESULTS}/(?P<experiment>[^/]+)/(?:(?P<folder>{SHARED}/[^/]+(?=/seed\d)|[^/]+)/)?"
    rf"(?:seed(?P<seed>\d+)/)?(?:round(?P<round>\d+)/)?(?P<restored>{RESTORED}/)?(?P<rest>.*)"
)


class Place(NamedTuple):
    """What a path below results/ is; None for what does not apply."""

    experiment: str
    folder: str | None
    """The folder below it: an arm's name, `shared`, or one like `shared/student-n4` of shared rollouts."""
    seed: int | None
    round: int | None
    restored: bool
    """Whether it was recomputed, and may go when it has been used."""
    kind: str
    """What it is: `rollout`, `score`, `policy`, `batch`, `evaluate` (samples), `grade`, `model`, ..."""
    policy: str | None
    """`base` or `teacher` for an evaluation of these."""

    @property
    def arm(self) -> str | None:
        """What an artifact here names as its arm: the arm's name, or `shared`."""
        return self.folder and self.folder.split("/")[0]


def parse(path: str) -> Place | None:
    """What a path is, as seen from the project root; None outside of every experiment."""
    match = _PLACE.match(path)
    if not match:
        return None
    seed, round_ = (number and int(number) for number in match.group("seed", "round"))
    shared, parts = match["folder"] == SHARED, match["rest"].split("/")
    policy = parts[1] if shared and parts[0] == "evaluate" and len(parts) > 2 else None
    return Place(match["experiment"], match["folder"], seed, round_, bool(match["restored"]), _kind(parts), policy)


def _kind(parts: Sequence[str]) -> str:
    """`score` for score-teacher-all, `check_teacher` for check_teacher_0a1b.parquet; others without their suffix."""
    if parts[0] == "evaluate" and not parts[-1].endswith(".samples.parquet"):
        return "grade"
    stem = parts[0].split(".")[0]
    known = re.match(r"(score)-|(check_teacher)(?:_|$)|(model)s$", stem)
    return known[known.lastindex] if known else stem


def round_of(path: str) -> Round:
    """The round that a file lies in, below whatever folder the arm's rounds lie in."""
    match = re.match(r"(?:(?P<root>.*)/)?(?P<place>round\d+)/", path)
    return Round(match["root"] or ".", match["place"])
