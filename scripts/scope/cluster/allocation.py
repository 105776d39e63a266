"""A run inside one SLURM allocation: the controller on its first node, stages as steps, no queue between them.

Before the walltime ends the run stops: first no stage starts any more, then the stages that still run are ended; the
next allocation of the chain goes on from what they kept. A chain is one job after the other, each started only where
the one before ended, or was killed, before the run was over; a run that fails ends its chain.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from scope.cluster.check import requests
from scope.cluster.check.types import Request
from scope.cluster.teacher_steps import NodeResources, replicas_of, warm
from scope.config.experiment import open_config
from scope.errors import InputError
from scope.run.arguments import check_profile, configfiles_in, without_targets
from scope.slurm import commands
from scope.slurm.parse import minutes

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
    nodes: int
    node: NodeResources
    """The most that any one node has."""

    def without(self, number: int, share: NodeResources) -> "Allocation":
        """What is left where so many replicas of the teacher have their share."""
        taken = {name: getattr(self, name) - number * value for name, value in share._asdict().items()}
        return self._replace(**taken)


class Submitted(NamedTuple):
    """The jobs of a chain, and the status of the last sbatch: that of the job where it was to wait."""

    jobs: list[str]
    status: int


def submit(options: list[str], arguments: list[str], inside: list[str], chain: int, margin_s: float) -> Submitted:
    """Submit a chain of allocations, in each of which the command `inside` runs Snakemake with `arguments`.

    `options` are sbatch's. Raises InputError where SLURM refuses, and for what could only fail once it runs.
    """
    if chain < 1 or (chain > 1 and {"--wait", "-W"} & set(options)):
        raise InputError(f"--chain {chain}: write a number from 1 on, and 1 where sbatch is to --wait")
    check_profile(arguments)
    open_config(*configfiles_in(arguments))
    Path(LOGS).mkdir(exist_ok=True)
    jobs: list[str] = []
    for _ in range(chain):
        after = [f"--dependency=afternotok:{jobs[-1]}", "--kill-on-invalid-dep=yes"] if jobs else []
        own = ["--job-name=scope", f"--output={LOGS}/allocation-%j.log", "--no-requeue", *after]
        job, status = commands.submit(f"#!/bin/sh\nexec {shlex.join(inside)}\n", *own, *options)
        jobs.append(job)
        check_time(job, margin_s)
    return Submitted(jobs, status)


def check_time(job: str, margin_s: float) -> None:
    """Cancel a job, and raise InputError, where its walltime is over before the margin begins."""
    limit = re.search(r"\bTimeLimit=([\d:-]+)", commands.ask("scontrol", "show", "job", job))
    if limit and minutes(limit[1]) * 60 <= margin_s:
        commands.ask("scancel", job)
        raise InputError(f"--margin {margin_s:g}: within a walltime of {limit[1]} no stage would ever start; ask for "
                         "more --time, or write a smaller --margin (seconds)")  # fmt: skip


def read_allocation(text: str) -> Allocation:
    """The allocation that `scontrol --details show job` describes; TRES has GPUs only where a cluster accounts them."""
    resources = dict(item.split("=") for item in re.search(r"\b(?:Alloc)?TRES=(\S+)", text)[1].split(","))
    held = re.search(r"\bJOB_GRES=(\S+)", text)
    nodes = [read_node(line) for line in re.findall(r"\bNodes=\S+ (CPU_IDs=.*)", text)]
    return Allocation(
        cpus=int(resources["cpu"]),
        gpus=gpus_in(held[1]) if held else 0,
        mem_mb=megabytes(resources["mem"]),
        end=commands.end_in(text) or float("inf"),
        nodes=int(resources["node"]),
        node=NodeResources(*map(max, zip(*nodes, strict=True))),
    )


def read_node(text: str) -> NodeResources:
    """What `CPU_IDs=0-3,8 Mem=12000 GRES=gpu:2(IDX:0-1)` gives of one node."""
    ranges = [part.split("-") for part in re.search(r"CPU_IDs=(\S+)", text)[1].split(",")]
    cpus = sum(int(last) - int(first) + 1 for first, *_, last in (part * 2 for part in ranges))
    return NodeResources(gpus_in(text), cpus, int(re.search(r"Mem=(\d+)", text)[1]))


def gpus_in(gres: str) -> int:
    """The GPUs in SLURM's notation of generic resources, such as gpu:h100:4,gpu:l4:2."""
    return sum(int(count) for count in re.findall(r"\bgpu:(?:[^:,(]+:)?(\d+)", gres))


def check_shares(asked: list[Request], held: Allocation) -> None:
    """Raise InputError for a rule whose step no node could run: SLURM would have it wait for ever."""
    for request in asked:
        if request.nodes > held.nodes:
            raise InputError(f"the rule {request.rule} asks for {request.nodes} nodes, the allocation has {held.nodes}")
        per_node = NodeResources(request.gpus // request.nodes, request.threads, request.resources["mem_mb"])
        check_share(f"the rule {request.rule}", per_node, held.node)


def check_share(who: str, asked: NodeResources, node: NodeResources) -> None:
    """Raise InputError where something asks one node for more than it has in this allocation."""
    for name, unit in (("gpus", "GPUs"), ("cpus", "CPUs"), ("mem_mb", "MB")):
        if getattr(asked, name) > getattr(node, name):
            raise InputError(
                f"{who} asks a node for {getattr(asked, name)} {unit}, and a node of this allocation has "
                f"{getattr(node, name)}; ask for less in your profile (--workflow-profile), or sbatch for more"
            )


def megabytes(size: str) -> int:
    """SLURM's notation of memory, such as 48000M or 2.50G, in MB."""
    unit = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}
    return int(float(size[:-1]) * unit[size[-1]]) if size[-1] in unit else int(size)


def run_inside(arguments: list[str], margin_s: float, share: NodeResources) -> int:
    """Run the workflow in the allocation that this process is in; returns its exit status, NOT_FINISHED at the end.

    `margin_s` seconds before the end no stage starts any more. Where the teacher is a service, its replicas run
    meanwhile, each with its `share`. A run that fails cancels the allocations that wait for this one.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        raise InputError("not inside a SLURM allocation; `scripts/allocate.py` without --inside submits one")
    status = 2
    try:
        status = _run_stages(job, arguments, margin_s, share)
    finally:
        waiting = commands.successors(job) if status not in (0, NOT_FINISHED) else []
        if waiting:
            print(f"allocation: the run failed; cancelling {' '.join(waiting)}", file=sys.stderr, flush=True)
            commands.ask("scancel", *waiting)
    return status


def _run_stages(job: str, arguments: list[str], margin_s: float, share: NodeResources) -> int:
    allocation = read_allocation(commands.ask("scontrol", "--details", "show", "job", job))
    check_shares(requests.shares(requests.parse(["--profile", PROFILE, *arguments])), allocation)
    environment, files = _environment(job), configfiles_in(arguments)
    replicas = replicas_of(files)

    def snakemake(words: list[str], rest: Allocation) -> int:
        limits = ["--resources", f"gpu={rest.gpus}", f"mem_mb={rest.mem_mb}", "--cores", str(rest.cpus)]
        command = [sys.executable, "scripts/run.py", *limits, *words, "--profile", PROFILE]
        run = subprocess.Popen(command, env=environment, start_new_session=True)
        return _run_until(run, rest.end, margin_s)

    if replicas.number:
        check_share("--teacher-share", share, allocation.node)
        status = snakemake([replicas.manifest, *without_targets(arguments)], allocation)
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
