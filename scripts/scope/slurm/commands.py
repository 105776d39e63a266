"""Run SLURM's commands: the one place that starts them, with one form of error.

`ask` raises where a command fails, `attempt` returns its status and errors. Both try again for `patience_s` seconds:
slurmctld may be restarting.
"""

import shlex
import subprocess
import time
from collections.abc import Iterable
from typing import NamedTuple

from scope.errors import InputError
from scope.slurm.parse import shown

RETRY_S = 2.0


class Answer(NamedTuple):
    """What a command printed, and its exit status."""

    status: int
    output: str
    error: str

    @property
    def reason(self) -> str:
        """Why it failed, in its own words."""
        return self.error.strip() or f"status {self.status}"

    @property
    def text(self) -> str:
        """Output and errors together."""
        return f"{self.output}{self.error}".strip()


def attempt(*command: str, script: str | None = None, patience_s: float = 0) -> Answer:
    """Run a command, `script` on its input, until it succeeds or patience ends; returns its last answer.

    Raises InputError where the command is not installed.
    """
    deadline = time.monotonic() + patience_s
    while (answer := _run(command, script)).status and time.monotonic() < deadline:
        time.sleep(RETRY_S)
    return answer


def ask(*command: str, patience_s: float = 0) -> str:
    """What a command prints. Raises InputError with its own words where it fails."""
    answer = attempt(*command, patience_s=patience_s)
    if answer.status:
        raise InputError(f"{shlex.join(command)}: {answer.reason}", "command-failed")
    return answer.output


def _run(command: tuple[str, ...], script: str | None) -> Answer:
    try:
        done = subprocess.run(command, input=script, capture_output=True, encoding="utf-8")
    except FileNotFoundError:
        raise InputError(
            f"{command[0]}: command not found; run this on a machine that has SLURM's commands", "no-such-command"
        ) from None
    return Answer(done.returncode, done.stdout, done.stderr)


class Submission(NamedTuple):
    """A submitted job, and the status of sbatch: with --wait that of the job."""

    job: str
    status: int


def submit(command: str, *options: str) -> Submission:
    """Submit a job that runs a line of shell. Raises InputError with sbatch's words where there is no job."""
    answer = attempt("sbatch", "--parsable", *options, script=f"#!/bin/sh\n{command}\n")
    job = answer.output.strip().split(";")[0]
    if not job:
        raise InputError(f"sbatch refuses the job: {answer.reason}", "refused-job")
    return Submission(job, answer.status)


def cancel(jobs: Iterable[str], *options: str) -> None:
    """Cancel jobs, or signal them with --signal; nothing where there are none. Raises InputError where that fails."""
    numbers = list(jobs)
    if numbers:
        ask("scancel", *options, *numbers)


def node_address(node: str) -> str:
    """The address at which other nodes reach a node."""
    return shown(r"\bNodeAddr=(\S+)", ask("scontrol", "show", "node", node))
