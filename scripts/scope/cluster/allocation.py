"""A run inside one SLURM allocation: the controller on its first node, stages as steps, no queue between them.

Before the walltime ends the run stops: first no stage starts any more, then the stages that still run are ended; the
next allocation of the chain resumes them. A chain is one job after the other, each started only where the one before
ended, or was killed, before the run was complete; a run that fails cancels the rest of its chain.
"""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from scope.cluster.check import requests
from scope.cluster.check.types import Request
from scope.cluster.teacher_steps import replicas_of, running_replicas
from scope.errors import InputError
from scope.run.arguments import check_profile, configuration_of, parse, without_targets
from scope.slurm import commands
from scope.slurm.jobs import successors
from scope.slurm.parse import Allocation, NodeResources, minutes, read_allocation, time_limit

PROFILE = "profiles/allocation"
LOGS = ".snakemake"
NOT_FINISHED = 75
LAST_S = 60


class Submitted(NamedTuple):
    """The jobs of a chain, and the status of the last sbatch: with --wait that of the job."""

    jobs: list[str]
    status: int


def submit(options: list[str], arguments: list[str], inside: list[str], chain: int, margin_s: float) -> Submitted:
    """Submit a chain of allocations, in each of which the command `inside` runs Snakemake with `arguments`.

    `options` are sbatch's. Raises InputError where SLURM refuses, and for what would fail once the job runs.
    """
    if chain < 1 or (chain > 1 and {"--wait", "-W"} & set(options)):
        raise InputError(f"--chain {chain}: write a number from 1 on, and 1 with sbatch's --wait", "invalid-argument")
    check_profile(arguments)
    configuration_of(_parse(arguments))
    Path(LOGS).mkdir(exist_ok=True)
    jobs: list[str] = []
    for _ in range(chain):
        after = [f"--dependency=afternotok:{jobs[-1]}", "--kill-on-invalid-dep=yes"] if jobs else []
        own = ["--job-name=scope", f"--output={LOGS}/allocation-%j.log", "--no-requeue", *after]
        job, status = commands.submit(f"exec {shlex.join(inside)}", *own, *options)
        jobs.append(job)
        check_time(job, margin_s)
    return Submitted(jobs, status)


def _parse(arguments: list[str]) -> argparse.Namespace:
    return parse(["--profile", PROFILE, *arguments])


def check_time(job: str, margin_s: float) -> None:
    """Cancel a job, and raise InputError, where its walltime is not longer than the margin."""
    limit = time_limit(commands.ask("scontrol", "show", "job", job))
    if limit and minutes(limit) * 60 <= margin_s:
        commands.cancel([job])
        raise InputError(
            f"--margin {margin_s:g}: within a walltime of {limit} no stage would ever start; ask for more --time, or "
            "write a smaller --margin (seconds)",
            "walltime-too-short",
        )


def check_shares(asked: list[Request], held: Allocation) -> None:
    """Raise InputError for a rule whose step no node could run: it would wait for ever."""
    for request in asked:
        if request.nodes > held.nodes:
            raise InputError(
                f"the rule {request.rule} asks for {request.nodes} nodes, the allocation has {held.nodes}",
                "allocation-too-small",
            )
        per_node = NodeResources(request.gpus // request.nodes, request.threads, request.resources["mem_mb"])
        check_share(f"the rule {request.rule}", per_node, held.node)


def check_share(who: str, asked: NodeResources, node: NodeResources) -> None:
    """Raise InputError where something asks one node for more than it has in this allocation."""
    for name, unit in (("gpus", "GPUs"), ("cpus", "CPUs"), ("mem_mb", "MB")):
        if getattr(asked, name) > getattr(node, name):
            raise InputError(
                f"{who} asks a node for {getattr(asked, name)} {unit}, and a node of this allocation has "
                f"{getattr(node, name)}; ask for less in your profile (--workflow-profile), or sbatch for more",
                "allocation-too-small",
            )


def run_inside(arguments: list[str], margin_s: float, share: NodeResources) -> int:
    """Run the workflow in the allocation that this process is in; returns its exit status.

    That is NOT_FINISHED where the walltime ended first: `margin_s` seconds before its end no stage starts any more. The
    replicas of a teacher that is a service run meanwhile, each with its `share`. A run that fails cancels the
    allocations that wait for this one.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        raise InputError(
            "not inside a SLURM allocation; `scripts/allocate.py` without --inside submits one", "no-allocation"
        )
    status = 2
    try:
        status = _run_stages(job, arguments, margin_s, share)
    finally:
        waiting = successors(job) if status not in (0, NOT_FINISHED) else []
        if waiting:
            print(f"allocation: the run failed; cancelling {' '.join(waiting)}", file=sys.stderr, flush=True)
            commands.cancel(waiting)
    return status


def _run_stages(job: str, arguments: list[str], margin_s: float, share: NodeResources) -> int:
    allocation = read_allocation(commands.ask("scontrol", "--details", "show", "job", job))
    args, environment = _parse(arguments), _environment(job)
    check_shares(requests.shares(args), allocation)
    replicas = replicas_of(configuration_of(args))

    def snakemake(words: list[str], rest: Allocation) -> int:
        limits = ["--resources", f"gpu={rest.gpus}", f"mem_mb={rest.mem_mb}", "--cores", str(rest.cpus)]
        command = [sys.executable, "scripts/run.py", "--profile", PROFILE, *limits, *words]
        run = subprocess.Popen(command, env=environment, start_new_session=True)
        return _run_until(run, rest.end, margin_s)

    if replicas.number:
        check_share("--teacher-share", share, allocation.node)
        status = snakemake([replicas.manifest, *without_targets(arguments)], allocation)
        if status:
            return status
    with running_replicas(replicas, share, args, environment):
        return snakemake(arguments, allocation.without(replicas.number, share))


def _environment(job: str) -> dict[str, str]:
    """The environment of the controller, without SLURM's options of the whole job: each step would inherit them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SBATCH_"))}
    return {**kept, "SLURM_JOB_ID": job, "SCOPE_ALLOCATION": job}


def _run_until(run: subprocess.Popen, end: float, margin_s: float) -> int:
    """The run's own status, or NOT_FINISHED where it was stopped: TERM to run.py, then to all stages, then KILL."""
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
