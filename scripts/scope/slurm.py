"""What SLURM says: where a node is, and until when a job runs."""

import os
import re
import shlex
import subprocess
import time

from scope.errors import InputError


def ask(*command: str) -> str:
    """What a command of SLURM prints. Raises InputError with its own words where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise InputError(f"{command[0]} is not there: this needs SLURM's commands") from None
    if done.returncode:
        raise InputError(f"{shlex.join(command)}: {done.stderr.strip() or f'status {done.returncode}'}")
    return done.stdout


def node_address(node: str) -> str:
    """The address at which other nodes reach a node."""
    return re.search(r"\bNodeAddr=(\S+)", ask("scontrol", "show", "node", node))[1]


def job_end() -> float | None:
    """End of this job's walltime, in seconds since the epoch; None outside of a job, and for one without a limit."""
    if "SLURM_JOB_END_TIME" in os.environ:
        return float(os.environ["SLURM_JOB_END_TIME"])
    if "SLURM_JOB_ID" not in os.environ:
        return None
    shown = re.search(r"\bEndTime=(\d\S+)", ask("scontrol", "show", "job", os.environ["SLURM_JOB_ID"]))
    return time.mktime(time.strptime(shown[1], "%Y-%m-%dT%H:%M:%S")) if shown else None
