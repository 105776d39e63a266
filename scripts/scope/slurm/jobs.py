"""What is asked of SLURM about jobs: the ones that a controller submitted from a folder, and whether they are over."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from scope.errors import InputError

# Snakemake's plugin names a job after its run and puts the rule and its wildcards into the comment.
COMMENTS = ("rule_", "group_")
ALIVE = "PENDING,CONFIGURING,RUNNING,SUSPENDED,STOPPED,COMPLETING,REQUEUED,REQUEUE_HOLD,SIGNALING,STAGE_OUT"
NO_CLUSTER = "Could not establish a configuration source"
PATIENCE_S = 120


class Job(NamedTuple):
    """A job in the queue."""

    number: str
    comment: str


def has_slurm() -> bool:
    """Whether this machine belongs to a cluster, be its controller up or down."""
    return bool(shutil.which("squeue")) and NO_CLUSTER not in _squeue("%A").stderr


def first_in_path(folder: str) -> None:
    """Let this process and its children find commands in `folder` first: there lies a patient sbatch."""
    os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"


def submitted_jobs(folder: Path) -> list[Job]:
    """Jobs of this user, waiting or running, that a Snakemake controller submitted from a folder.

    Raises InputError where SLURM does not answer.
    """
    lines = [line.split("|", 2) for line in _ask_squeue("%A|%Z|%k").splitlines()]
    return [Job(job, comment) for job, place, comment in lines
            if Path(place) == folder.resolve() and comment.startswith(COMMENTS)]  # fmt: skip


def is_queued(job: str) -> bool:
    """Whether a job of this user is waiting or running. Raises InputError where SLURM does not answer."""
    return job in _ask_squeue("%A").split()


def cancel(jobs: Iterable[Job]) -> None:
    """Cancel jobs and wait until nothing of them runs. Raises InputError when they do not end."""
    numbers = {job.number for job in jobs}
    subprocess.run(["scancel", *numbers], check=True)
    deadline = time.monotonic() + PATIENCE_S
    while left := numbers & set(_ask_squeue("%A").split()):
        if time.monotonic() > deadline:
            raise InputError(f"SLURM jobs {', '.join(sorted(left))} do not end; see `squeue -j`, and start again then")
        time.sleep(0.5)


def _ask_squeue(columns: str) -> str:
    answer = _squeue(columns)
    deadline = time.monotonic() + PATIENCE_S
    while answer.returncode and time.monotonic() < deadline:
        time.sleep(2)
        answer = _squeue(columns)
    if answer.returncode:
        raise InputError(
            f"SLURM does not say which jobs run ({answer.stderr.strip()}); start again when squeue answers"
        )
    return answer.stdout


def _squeue(columns: str) -> subprocess.CompletedProcess:
    command = ["squeue", "--me", "--noheader", f"--states={ALIVE}", f"--format={columns}"]
    return subprocess.run(command, capture_output=True, text=True)
