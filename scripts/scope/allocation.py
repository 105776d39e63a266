"""A run inside one SLURM allocation: the controller on its first node, stages as steps, no queue between them.

Before the walltime ends the run stops: first no stage starts any more, then the stages that still run are ended; the
next allocation of the chain goes on from what they kept. A chain is one job after the other, each started only where
the one before did not finish the run.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from scope.errors import InputError
from scope.slurm import ask
from scope.warm_teacher import Share, configfiles_in, replicas_of, warm

PROFILE = "profiles/allocation"
LOGS = ".snakemake"
NOT_FINISHED = 75
LAST_S = 60


class Allocation(NamedTuple):
    """What a SLURM job may use: CPUs, GPUs and memory of all its nodes together, and until when."""

    cpus: int
    gpus: int
    mem_mb: int
    end: float

    def without(self, number: int, share: Share) -> "Allocation":
        """What is left where so many replicas of the teacher have their share."""
        taken = {name: getattr(self, name) - number * value for name, value in share._asdict().items()}
        return self._replace(**taken)


def submit(options: list[str], inside: list[str], chain: int) -> list[str]:
    """Submit a chain of allocations; returns the numbers of its jobs.

    `options` are sbatch's; `inside` is the command that runs in each. Raises InputError where SLURM refuses.
    """
    Path(LOGS).mkdir(exist_ok=True)
    jobs: list[str] = []
    script = f"#!/bin/sh\nexec {shlex.join(inside)}\n"
    for _ in range(chain):
        after = [f"--dependency=afternotok:{jobs[-1]}", "--kill-on-invalid-dep=yes"] if jobs else []
        command = ["sbatch", "--parsable", "--job-name=scope", f"--output={LOGS}/allocation-%j.log", "--no-requeue"]
        done = subprocess.run([*command, *after, *options], input=script, capture_output=True, text=True)
        if done.returncode:
            raise InputError(f"sbatch refuses the allocation: {done.stderr.strip()}")
        jobs.append(done.stdout.strip().split(";")[0])
    return jobs


def read_allocation(text: str) -> Allocation:
    """The allocation that `scontrol --details show job` describes; TRES has GPUs only where a cluster accounts them."""
    resources = dict(item.split("=") for item in re.search(r"\b(?:Alloc)?TRES=(\S+)", text)[1].split(","))
    held = re.search(r"\bJOB_GRES=(\S+)", text)
    gpus = sum(int(count) for count in re.findall(r"\bgpu:(?:[^:,]+:)?(\d+)", held[1])) if held else 0
    end = datetime.fromisoformat(re.search(r"\bEndTime=(\S+)", text)[1]).timestamp()
    return Allocation(int(resources["cpu"]), gpus, megabytes(resources["mem"]), end)


def megabytes(size: str) -> int:
    """SLURM's notation of memory, such as 48000M or 2.50G, in MB."""
    unit = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}
    return int(float(size[:-1]) * unit[size[-1]]) if size[-1] in unit else int(size)


def run_inside(arguments: list[str], margin_s: float, share: Share) -> int:
    """Run the workflow in the allocation that this process is in; returns its exit status, NOT_FINISHED at the end.

    `margin_s` seconds before the end no stage starts any more. Where the teacher is a service, its replicas run
    meanwhile, each with its `share`.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        raise InputError("not inside a SLURM allocation; `scripts/allocate.py` without --inside submits one")
    allocation, environment = read_allocation(ask("scontrol", "--details", "show", "job", job)), _environment(job)
    files = configfiles_in(arguments)
    replicas = replicas_of(files)

    def snakemake(words: list[str], rest: Allocation) -> int:
        limits = ["--resources", f"gpu={rest.gpus}", f"mem_mb={rest.mem_mb}", "--cores", str(rest.cpus)]
        command = [sys.executable, "scripts/run.py", *limits, *words, "--profile", PROFILE]
        run = subprocess.Popen(command, env=environment, start_new_session=True)
        return _run_until(run, rest.end, margin_s)

    if replicas.number:
        options = arguments[next((i for i, word in enumerate(arguments) if word.startswith("-")), len(arguments)) :]
        status = snakemake([replicas.manifest, *options], allocation)
        if status:
            return status
    with warm(replicas, share, files, environment):
        return snakemake(arguments, allocation.without(replicas.number, share))


def _environment(job: str) -> dict[str, str]:
    """The environment of the controller: SLURM's options of the whole job would be taken for those of every step."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SBATCH_"))}
    return {**kept, "SLURM_JOB_ID": job, "SCOPE_ALLOCATION": job}


def _run_until(run: subprocess.Popen, end: float, margin_s: float) -> int:
    """The run's own status, or NOT_FINISHED where it was stopped: by run.py, then with all stages, then by force."""
    if _ends_before(run, end - margin_s):
        return run.returncode
    print("allocation: the walltime ends soon; no stage starts any more", file=sys.stderr, flush=True)
    run.terminate()
    if not _ends_before(run, end - LAST_S):
        print("allocation: the walltime ends; ending the stages that run", file=sys.stderr, flush=True)
        os.killpg(run.pid, signal.SIGTERM)
    if not _ends_before(run, end - LAST_S / 2):
        os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    return NOT_FINISHED


def _ends_before(run: subprocess.Popen, deadline: float) -> bool:
    try:
        run.wait(max(0, deadline - time.time()))
    except subprocess.TimeoutExpired:
        return False
    return True
