"""The partial output of a killed attempt, from which the next attempt resumes.

Snakemake deletes declared outputs before every attempt, so partial output is in a hidden folder next to the output. A
record in it lists what it is made from: recipe, code of every module, digests of the inputs, and place. If any of these
changed, the next attempt logs the change, removes the folder and starts from the beginning.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scope.artifacts.atomic import atomic
from scope.artifacts.diff import changed_digests, changed_modules, changed_settings
from scope.artifacts.digests import value_digest
from scope.artifacts.recipe import make_provenance
from scope.errors import InputError

SUFFIX = ".unfinished"
RECORD = "made_from.json"
SECONDS_VARIABLE = "SCOPE_KEEP_SECONDS"


@dataclass(frozen=True)
class Unfinished:
    """The folder of an output's partial work, and the identity that its files must carry."""

    folder: Path
    recipe: str
    identity: str
    """Digest of everything that it is made from; only files with this identity are used."""

    def clear(self) -> None:
        """Remove it; the output has been written."""
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def partial_output(output: str | Path, recipe: str, inputs: Sequence[str | Path], **place: Any) -> Iterator[Unfinished]:
    """Context: the unfinished work of an output, removed when the output has been written."""
    work = open_partial(output, recipe, inputs, **place)
    yield work
    work.clear()


def open_partial(output: str | Path, recipe: str, inputs: Sequence[str | Path], **place: Any) -> Unfinished:
    """The partial work of an output: that of an earlier attempt from the same recipe, code and inputs, else empty.

    `place` holds the arguments beside recipe and inputs that decide what is computed, such as seed and round.
    """
    folder = partial_folder(output)
    made_from = {**make_provenance(recipe, inputs), "place": place}
    identity = value_digest(made_from)
    if folder.is_dir() and (before := _read_record(folder)) != made_from:
        say(f"starts fresh, {folder} is removed: {'; '.join(_differences(before, made_from))}")
        shutil.rmtree(folder)
    with atomic(folder / RECORD) as temporary:
        temporary.write_text(
            json.dumps({"made_from": made_from, "identity": identity}, indent=1) + "\n", encoding="utf-8"
        )
    for leftover in folder.rglob(".*.tmp-*"):
        leftover.unlink()
    return Unfinished(folder, recipe, identity)


def partial_folder(output: str | Path) -> Path:
    """`rollout/0.parquet` has its unfinished work in `rollout/.0.parquet.unfinished`."""
    return Path(output).with_name(f".{Path(output).name}{SUFFIX}")


def is_unfinished(path: str | Path) -> bool:
    """Whether a path lies in a folder of unfinished work, and so is no artifact."""
    return any(part.startswith(".") and part.endswith(SUFFIX) for part in Path(path).parts)


def say(line: str) -> None:
    """Write a line about resuming to the stage's log."""
    print(f"resume: {line}", file=sys.stderr, flush=True)


def _read_record(folder: Path) -> dict[str, Any] | None:
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        intact = value_digest(record["made_from"]) == record["identity"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return record["made_from"] if intact else None


def _differences(before: dict[str, Any] | None, now: dict[str, Any]) -> list[str]:
    if before is None:
        return ["it has no readable record of what it was made from"]
    differences = changed_settings(before["recipe"]["settings"], now["recipe"]["settings"])
    differences += changed_modules(before["modules"], now["modules"])
    differences += changed_digests(before["inputs"], now["inputs"])
    return differences + changed_settings(before["place"], now["place"])


class Timer:
    """Tracks when to save partial work: every SCOPE_KEEP_SECONDS, else every `seconds`."""

    def __init__(self, seconds: float):
        given = os.environ.get(SECONDS_VARIABLE, str(seconds))
        try:
            self.seconds = float(given)
        except ValueError:
            raise InputError(f"{SECONDS_VARIABLE} is {given!r}; write a number of seconds", "invalid-value") from None
        self.restart()

    def restart(self) -> None:
        """Count from now."""
        self.since = time.monotonic()

    def due(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() - self.since >= self.seconds
