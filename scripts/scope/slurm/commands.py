"""What SLURM says: where a node is, until when a job runs, and what it holds."""

import os
import re
import shlex
import subprocess
from datetime import datetime

from scope.errors import InputError


def ask(*command: str) -> str:
    """What a command of SLURM prints. Raises InputError with its own words where it fails."""
    done = _run(command)
    if done.returncode:
        raise InputError(f"{shlex.join(command)}: {done.stderr.strip() or f'status {done.returncode}'}")
    return done.stdout


def submit(script: str, *options: str) -> tuple[str, int]:
    """Submit a script; returns the job, and the status of sbatch: with --wait that of the job.

    Raises InputError with sbatch's words where there is no job.
    """
    done = _run(("sbatch", "--parsable", *options), script)
    job = done.stdout.strip().split(";")[0]
    if not job:
        raise InputError(f"sbatch refuses the job: {done.stderr.strip() or f'status {done.returncode}'}")
    return job, done.returncode


def _run(command: tuple[str, ...], script: str | None = None) -> subprocess.CompletedProcess:
    try:
        return subprocess.run(command, input=script, capture_output=True, text=True)
    except FileNotFoundError:
        raise InputError(f"{command[0]} is not there: this needs SLURM's commands") from None


def node_address(node: str) -> str:
    """The address at which other nodes reach a node."""
    return re.search(r"\bNodeAddr=(\S+)", ask("scontrol", "show", "node", node))[1]


def job_end() -> float | None:
    """End of this job's walltime, in seconds since the epoch; None outside of a job, and for one without a limit."""
    if "SLURM_JOB_END_TIME" in os.environ:
        return float(os.environ["SLURM_JOB_END_TIME"])
    if "SLURM_JOB_ID" not in os.environ:
        return None
    return end_in(ask("scontrol", "show", "job", os.environ["SLURM_JOB_ID"]))


def end_in(text: str) -> float | None:
    """The end of the walltime in what `scontrol show job` prints, in seconds since the epoch; None for no limit."""
    shown = re.search(r"\bEndTime=(\d\S+)", text)
    return datetime.fromisoformat(shown[1]).timestamp() if shown else None


def successors(job: str) -> list[str]:
    """My jobs that wait for a job's failure, and those that wait for theirs."""
    chain = [job]
    listed = [line.split(" ", 1) for line in ask("squeue", "--noheader", "--me", "--format=%A %E").splitlines()]
    for number, awaited in sorted(listed, key=lambda line: int(line[0])):
        if set(re.findall(r"afternotok:(\d+)", awaited)) & set(chain):
            chain.append(number)
    return chain[1:]
