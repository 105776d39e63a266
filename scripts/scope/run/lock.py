"""The owner of a folder: a record that a controller keeps beside Snakemake's lock while it runs."""

import json
import os
import socket
import time
from pathlib import Path
from typing import NamedTuple

import psutil

from scope.artifacts.atomic import atomic
from scope.errors import InputError
from scope.run.leftovers import end_jobs, end_processes, runs_snakemake
from scope.slurm.jobs import is_queued

RECORD = ".snakemake/controller.json"
OWN_JOB = "SLURM_JOB_ID"


class LockOwner(NamedTuple):
    """A controller: its process, and the SLURM job that it runs in."""

    host: str
    process: int
    since: str
    job: str | None = None

    def __str__(self) -> str:
        return f"process {self.process} on {self.host} since {self.since}"

    def is_gone(self) -> bool:
        """Whether it has certainly ended: its process on this machine, or its SLURM job."""
        if self.host == socket.gethostname():
            return self.process == os.getpid() or not _is_snakemake(self.process)
        if self.job is None:
            return False
        return self.job == os.environ.get(OWN_JOB) or not is_queued(self.job)


def acquire_lock(folder: str | Path = ".") -> None:
    """Become the one controller of a folder: end what a killed one left running, then record this one.

    Raises InputError where another one runs, or may run on a machine that cannot be checked from here.
    """
    owner = lock_owner(folder)
    if owner and not owner.is_gone():
        raise InputError(
            f"a run may still be active in {Path(folder).resolve()} ({owner}); wait for it or stop it there; "
            f"if it has ended, delete {RECORD} and start again",
            "active-run",
        )
    if owner:
        end_processes(Path(folder))
    end_jobs(Path(folder))
    write_owner(folder)


def write_owner(folder: str | Path = ".") -> None:
    """Record this process as the controller of a folder."""
    owner = LockOwner(socket.gethostname(), os.getpid(), time.strftime("%Y-%m-%d %H:%M:%S"), os.environ.get(OWN_JOB))
    with atomic(Path(folder) / RECORD) as temporary:
        temporary.write_text(json.dumps(owner._asdict()) + "\n", encoding="utf-8")


def release_lock(folder: str | Path = ".") -> None:
    """Remove the record of this process."""
    (Path(folder) / RECORD).unlink(missing_ok=True)


def lock_owner(folder: str | Path) -> LockOwner | None:
    """The controller on record; None where there is no readable record."""
    try:
        return LockOwner(**json.loads((Path(folder) / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _is_snakemake(process: int) -> bool:
    try:
        return runs_snakemake(psutil.Process(process))
    except psutil.NoSuchProcess:
        return False
