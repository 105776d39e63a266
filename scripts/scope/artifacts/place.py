"""What a path below results/ is: the paths that layout.py and round_paths.py make, parsed."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from scope.artifacts.names import RESTORED, RESULTS, ROUND, SEED, SHARED
from scope.artifacts.round_paths import Round
from scope.errors import InputError

_PLACE = re.compile(
    rf"{RESULTS}/(?P<experiment>[^/]+)/(?:(?P<folder>{SHARED}/[^/]+(?=/{SEED}\d)|[^/]+)/)?"
    rf"(?:{SEED}(?P<seed>\d+)/)?(?:{ROUND}(?P<round>\d+)/)?(?P<restored>{RESTORED}/)?(?P<rest>.*)"
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
    seed, round_ = (int(number) if number else None for number in match.group("seed", "round"))
    shared, parts = match["folder"] == SHARED, match["rest"].split("/")
    policy = parts[1] if shared and parts[0] == "evaluate" and len(parts) > 2 else None
    return Place(match["experiment"], match["folder"], seed, round_, bool(match["restored"]), _kind(parts), policy)


class Timing(NamedTuple):
    """What the timing file of a job is of; None for what does not apply."""

    arm: str
    """The arm, or `shared`."""
    seed: int | None
    round: int | None
    job: str
    """The stage, and what its jobs differ in: `rollout.0`, `score-teacher-all-0a1b.0`, `model_teacher`."""


def parse_timing(path: Path) -> Timing:
    """What a timing file is of, given its path below the folder of timings; folders of shared rollouts are left out."""
    folders = path.parts[1:-1]
    return Timing(path.parts[0], _number(SEED, folders), _number(ROUND, folders), path.stem)


def is_shard_of(stage: str, path: str) -> bool:
    """Whether a file is one of the shards that a stage writes."""
    return Path(path).parent.name == stage


def _number(word: str, folders: Iterable[str]) -> int | None:
    """The number of the first folder that is `word` and a number."""
    found = (re.fullmatch(rf"{word}(\d+)", folder) for folder in folders)
    return next((int(match[1]) for match in found if match), None)


def artifact_place(path: str) -> Place:
    """What the path of an artifact is. Raises ValueError outside of every experiment, where no artifact lies."""
    if place := parse(path):
        return place
    raise ValueError(f"{path}: lies in no experiment")


def _kind(parts: Sequence[str]) -> str:
    """`score` for score-teacher-all, `check_teacher` for check_teacher_0a1b.parquet; others without their suffix."""
    if parts[0] == "evaluate" and not parts[-1].endswith(".samples.parquet"):
        return "grade"
    stem = parts[0].split(".")[0]
    known = re.match(r"score(?=-)|check_teacher(?=_|$)|model(?=s$)", stem)
    return known[0] if known else stem


def round_of(path: str) -> Round:
    """The round that a file lies in, below whatever folder the arm's rounds lie in. Raises InputError for no round."""
    match = re.match(rf"(?:(?P<root>.*)/)?(?P<place>{ROUND}\d+)/", path)
    if not match:
        raise InputError(f"{path}: lies in no round; name a file in a folder {ROUND}1, {ROUND}2, ...", "no-round")
    return Round(match["root"] or ".", match["place"])
