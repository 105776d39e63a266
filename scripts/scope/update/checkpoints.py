"""Timed checkpoints of an update: every rank writes its part, and the manifest comes last.

A checkpoint is used only where its manifest is there, belongs to this making, and every file is the one that it lists;
any other is removed. Random states are not kept: nothing in an update is random, as long as the policy has no dropout.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch.distributed as dist

from scope.artifacts.folder import empty_folder, open_folder, read_manifest, write_manifest
from scope.artifacts.names import MANIFEST
from scope.artifacts.partial import Timer, Unfinished, say
from scope.errors import InputError

EVERY_S = 300.0


@dataclass(frozen=True)
class Checkpoint:
    """A state after some of the round's steps."""

    folder: Path
    rows: list[dict[str, Any]]
    """Metrics and costs (schemas/metrics.py) of the steps so far, the last of which it is the state after."""

    @property
    def step(self) -> int:
        """The last step, as counted over the whole run."""
        return self.rows[-1]["step"]


class Checkpoints:
    """Those of one update; every rank holds one of these and calls it at the same steps."""

    def __init__(self, work: Unfinished):
        self.work = work
        self.timer = Timer(EVERY_S)

    def newest(self) -> Checkpoint | None:
        """The newest whole checkpoint of an attempt before; whatever else lies there is removed."""
        return from_first_rank(self._newest)

    def _newest(self) -> Checkpoint | None:
        found = None
        for folder in sorted(self.work.folder.glob("step*"), key=_step, reverse=True):
            found = found or self._read(folder)
            if not found or found.folder != folder:
                shutil.rmtree(folder)
        return found

    def _read(self, folder: Path) -> Checkpoint | None:
        manifest = folder / MANIFEST
        try:
            content = read_manifest(manifest)
            if content.get("identity") != self.work.identity:
                raise InputError(f"{manifest}: from other settings, code or inputs", "other-recipe")
            return Checkpoint(open_folder(manifest), content["rows"])
        except InputError as error:
            say(f"{folder} is not a complete checkpoint of this update and is removed ({str(error).split(';')[0]})")
            return None

    def due(self) -> bool:
        """Whether it is time for one: the first rank's decision."""
        return from_first_rank(self.timer.due)

    def keep(self, save_state: Callable[[Path], None], rows: list[dict[str, Any]]) -> None:
        """Write one after the steps of `rows`, then remove those before it."""
        folder = self.work.folder / f"step{rows[-1]['step']}"
        manifest, first = folder / MANIFEST, dist.get_rank() == 0
        if first:
            empty_folder(manifest)
        dist.barrier()
        save_state(folder)
        dist.barrier()
        if first:
            write_manifest(manifest, recipe=self.work.recipe, identity=self.work.identity, rows=rows)
            for older in set(self.work.folder.glob("step*")) - {folder}:
                shutil.rmtree(older)
        self.timer.restart()


def from_first_rank(make: Callable[[], Any]) -> Any:
    """What the first rank makes, on all ranks."""
    made = [make() if dist.get_rank() == 0 else None]
    dist.broadcast_object_list(made, 0)
    return made[0]


def _step(folder: Path) -> int:
    return int(folder.name.removeprefix("step"))
