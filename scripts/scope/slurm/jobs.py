"""The SLURM jobs of this user: which are queued, and when this one ends.

squeue prints JSON where SLURM has the plugin for it (since 21.08), else columns of text.
"""

import json
import os
import re
import shutil
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from scope.errors import InputError
from scope.slurm.commands import Answer, ask, attempt, cancel
from scope.slurm.parse import COLUMNS, QUEUED, Job, end_time, read_json_queue, read_text_queue

# Snakemake's plugin names a job after its run and puts the rule and its wildcards into the comment.
COMMENTS = ("rule_", "group_")
NO_CLUSTER = "Could not establish a configuration source"
PATIENCE_S = 120


def has_slurm() -> bool:
    """Whether this machine belongs to a cluster, whether or not its controller answers."""
    return bool(shutil.which("squeue")) and NO_CLUSTER not in _squeue("--format=%A").error


def queued_jobs(patience_s: float = 0) -> list[Job]:
    """All jobs of this user that wait or run. Raises InputError where SLURM does not answer in time."""
    answer = _squeue("--json" if has_json() else f"--format={COLUMNS}", patience_s=patience_s)
    if answer.status:
        raise InputError(
            f"SLURM does not list the jobs of this user ({answer.reason}); try again when squeue answers",
            "slurm-unavailable",
        )
    if not has_json():
        return read_text_queue(answer.output)
    return read_json_queue(json.loads(answer.output), os.getuid())


@cache
def has_json() -> bool:
    """Whether the installed squeue prints JSON that can be read here; text always can."""
    try:
        read_json_queue(json.loads(_squeue("--json").output), os.getuid())
    except (ValueError, KeyError, TypeError):
        return False
    return True


def _squeue(*options: str, patience_s: float = 0) -> Answer:
    states = ",".join(QUEUED)
    return attempt("squeue", "--me", "--noheader", f"--states={states}", *options, patience_s=patience_s)


def submitted_jobs(folder: Path) -> list[Job]:
    """The queued jobs that a Snakemake controller submitted from a folder.

    Raises InputError where SLURM does not answer.
    """
    jobs = queued_jobs(PATIENCE_S)
    return [job for job in jobs if job.folder == folder.resolve() and job.comment.startswith(COMMENTS)]


def is_queued(number: str) -> bool:
    """Whether a job of this user waits or runs. Raises InputError where SLURM does not answer."""
    return number in {job.number for job in queued_jobs(PATIENCE_S)}


def cancel_and_wait(jobs: Iterable[Job]) -> None:
    """Cancel jobs and wait until nothing of them runs. Raises InputError when they do not end."""
    numbers = {job.number for job in jobs}
    cancel(numbers)
    deadline = time.monotonic() + PATIENCE_S
    while left := numbers & {job.number for job in queued_jobs(PATIENCE_S)}:
        if time.monotonic() > deadline:
            raise InputError(
                f"SLURM jobs {', '.join(sorted(left))} do not end; check `squeue -j`, then start again",
                "jobs-still-active",
            )
        time.sleep(1)


def successors(number: str) -> list[str]:
    """My jobs that wait for a job's failure, and those that wait for theirs."""
    chain = [number]
    for job in sorted(queued_jobs(), key=lambda job: int(job.number)):
        if set(re.findall(r"afternotok:(\d+)", job.dependency)) & set(chain):
            chain.append(job.number)
    return chain[1:]


def job_end() -> float | None:
    """End of this job's walltime, in seconds since the epoch; None outside a job, and for one without a limit."""
    if "SLURM_JOB_END_TIME" in os.environ:
        return float(os.environ["SLURM_JOB_END_TIME"])
    if "SLURM_JOB_ID" not in os.environ:
        return None
    return end_time(ask("scontrol", "show", "job", os.environ["SLURM_JOB_ID"]))
