"""Who holds a folder: the record that a controller leaves beside Snakemake's lock while it runs."""

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
        """Whether it can be seen to be over: on this machine, or with its SLURM job."""
        if self.host == socket.gethostname():
            return self.process == os.getpid() or not _is_snakemake(self.process)
        if self.job is None:
            return False
        return self.job == os.environ.get(OWN_JOB) or not is_queued(self.job)


def acquire_lock(folder: str | Path = ".") -> None:
    """Become the one controller of a folder: end what a killed one left running, then sign.

    Raises InputError where another one runs, or may run on a machine that cannot be seen from here.
    """
    holder = lock_owner(folder)
    if holder and not holder.is_gone():
        raise InputError(f"a run may be at work in {Path(folder).resolve()} ({holder}); wait for it or stop it there; "
                         f"if it is gone, delete {RECORD} and start again")  # fmt: skip
    if holder:
        end_processes(Path(folder))
    end_jobs(Path(folder))
    write_owner(folder)


def write_owner(folder: str | Path = ".") -> None:
    """Record this process as the controller of a folder."""
    holder = LockOwner(socket.gethostname(), os.getpid(), time.strftime("%Y-%m-%d %H:%M:%S"), os.environ.get(OWN_JOB))
    with atomic(Path(folder) / RECORD) as temporary:
        temporary.write_text(json.dumps(holder._asdict()) + "\n")


def release_lock(folder: str | Path = ".") -> None:
    """Remove the record of this process."""
    (Path(folder) / RECORD).unlink(missing_ok=True)


def lock_owner(folder: str | Path) -> LockOwner | None:
    """The controller on record; None where there is no readable record."""
    try:
        return LockOwner(**json.loads((Path(folder) / RECORD).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _is_snakemake(process: int) -> bool:
    try:
        return runs_snakemake(psutil.Process(process))
    except psutil.NoSuchProcess:
        return False
