"""The teacher of a shared allocation: its replicas as steps that stay up from stage to stage."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from scope.artifacts.layout import Layout
from scope.config.experiment import open_config
from scope.score.api_key import make_key
from scope.slurm.commands import ask

NAME = "scope-teacher"
STOP_S = 120


class NodeResources(NamedTuple):
    """What each replica has of the allocation."""

    gpus: int
    cpus: int
    mem_mb: int


class Replicas(NamedTuple):
    """The replicas that a configuration asks for; 0 where its teacher is no service."""

    number: int
    manifest: str
    key_file: str


def replicas_of(configfiles: list[str]) -> Replicas:
    """How many replicas a run needs, the manifest that they serve, and where their key lies."""
    config = open_config(*configfiles)
    number = config.teacher.service.replicas if config.teacher.backend == "service" else 0
    key_file = config.teacher.server.key_file if number else ""
    return Replicas(number, Layout(config.experiment).shared.model("teacher"), key_file)


@contextmanager
def warm(
    replicas: Replicas, share: NodeResources, configfiles: list[str], environment: dict[str, str]
) -> Iterator[None]:
    """Context: the replicas run, each as a step; at its end they drain."""
    if replicas.number:
        make_key(replicas.key_file)
    options = [f"--cpus-per-task={share.cpus}", f"--mem={share.mem_mb}", f"--gres=gpu:{share.gpus}"]
    step = ["srun", f"--job-name={NAME}", "--exact", "--nodes=1", "--ntasks=1", "--cpu-bind=none", *options]
    serve = [sys.executable, "scripts/serve_teacher.py", "--configfile", *configfiles]
    steps = [subprocess.Popen([*step, *serve], env=environment) for _ in range(replicas.number)]
    try:
        yield
    finally:
        drain(environment["SLURM_JOB_ID"])
        for process in steps:
            process.wait(STOP_S)


def drain(job: str) -> None:
    """Have the replicas of an allocation end; after TERM, to their steps or to srun, SLURM would kill them soon."""
    listed = ask("squeue", "--noheader", "--steps", f"--jobs={job}", "--format=%i %j")
    replicas = [step for step, name in map(str.split, listed.splitlines()) if name == NAME]
    if replicas:
        # Its status says nothing: it reports an error in a job of several nodes, and sends the signal all the same.
        subprocess.run(["scancel", "--signal=INT", *replicas], stderr=subprocess.DEVNULL)
