"""The teacher of a shared allocation: its replicas are steps that run as long as the stages."""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from scope.artifacts.layout import Layout
from scope.config.experiment import Config
from scope.run.arguments import configfiles_of
from scope.score.api_key import make_key
from scope.slurm.commands import ask, attempt
from scope.slurm.parse import NodeResources

NAME = "scope-teacher"
STOP_S = 120


class Replicas(NamedTuple):
    """The replicas that a configuration asks for; 0 where its teacher is not a service."""

    number: int
    manifest: str
    key_file: str


def replicas_of(config: Config) -> Replicas:
    """How many replicas a run needs, the manifest that they serve, and the file of their key."""
    number = config.teacher.managed.replicas if config.teacher.backend == "managed" else 0
    server = config.teacher.server
    key_file = server.key_file if number and server else ""
    return Replicas(number, Layout(config.experiment).shared.model("teacher"), key_file)


@contextmanager
def running_replicas(
    replicas: Replicas, share: NodeResources, args: argparse.Namespace, environment: dict[str, str]
) -> Iterator[None]:
    """Context: the replicas run, each as a step with its `share`; at the end they drain.

    `args` are Snakemake's arguments, whose configuration they read.
    """
    if replicas.number:
        make_key(replicas.key_file)
    options = [f"--cpus-per-task={share.cpus}", f"--mem={share.mem_mb}", f"--gres=gpu:{share.gpus}"]
    step = ["srun", f"--job-name={NAME}", "--exact", "--nodes=1", "--ntasks=1", "--cpu-bind=none", *options]
    serve = [sys.executable, "scripts/serve_teacher.py", "--configfile", *configfiles_of(args)]
    serve += ["--config", *args.config] if args.config else []
    steps = [subprocess.Popen([*step, *serve], env=environment) for _ in range(replicas.number)]
    try:
        yield
    finally:
        drain(environment["SLURM_JOB_ID"])
        for process in steps:
            process.wait(STOP_S)


def drain(job: str) -> None:
    """Send INT to the replicas of an allocation: after TERM, to their steps or to srun, SLURM would soon kill them."""
    listed = ask("squeue", "--noheader", "--steps", f"--jobs={job}", "--format=%i %j")
    replicas = [step for step, name in map(str.split, listed.splitlines()) if name == NAME]
    if replicas:
        # Its status is no use: in a job of several nodes it reports an error although it sends the signal.
        attempt("scancel", "--signal=INT", *replicas)
