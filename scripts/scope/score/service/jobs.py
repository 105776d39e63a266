"""The teacher as a service: start its replicas as SLURM jobs, list them, stop them."""

import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scope.artifacts.layout import Layout
from scope.config.experiment import Config, open_config
from scope.errors import InputError
from scope.score.service.registry import Record, read_records, sweep
from scope.slurm.commands import cancel, submit
from scope.slurm.jobs import PATIENCE_S, queued_jobs

SCRIPT = Path(__file__).resolve().parents[3] / "serve_teacher.py"
# SIGTERM to the replica itself, early enough before the walltime's end for it to drain.
OPTIONS = ["--requeue", "--open-mode=append", "--signal=B:TERM@120"]


def job_name(experiment: str) -> str:
    """The name of an experiment's replicas as SLURM jobs."""
    return f"scope-teacher-{experiment}"


def jobs(experiment: str, patience_s: float = 0) -> dict[str, str]:
    """State of each queued replica of this folder's experiment, by job."""
    name, folder = job_name(experiment), Path.cwd()
    return {job.number: job.state for job in queued_jobs(patience_s) if (job.name, job.folder) == (name, folder)}


def start(experiment: str, folder: str, replicas: int, configfiles: list[str], options: list[str]) -> list[str]:
    """Submit as many replicas as are missing, with further `options` of sbatch; returns their jobs."""
    sweep(folder)
    logs = Path(Layout(experiment).shared.logs)
    logs.mkdir(parents=True, exist_ok=True)
    serve = shlex.join([sys.executable, str(SCRIPT), "--configfile", *configfiles])
    own = [*OPTIONS, f"--job-name={job_name(experiment)}", f"--output={logs}/teacher.%j.log"]
    missing = range(replicas - len(jobs(experiment)))
    return [submit(f"exec {serve}", *own, *options).job for _ in missing]


def status(experiment: str, folder: str) -> str:
    """A table of replicas: those in SLURM's queue, and those with a record; and why, where SLURM does not answer."""
    records = read_records(folder)
    by_job = {record.job: record for record in records}
    try:
        known_jobs, silence = jobs(experiment), []
    except InputError as error:
        known_jobs, silence = {}, [str(error)]
    rows = [_row(job, state, by_job.get(job)) for job, state in known_jobs.items()]
    rows += [_row(record.job or "-", "-", record) for record in records if record.job not in known_jobs]
    head = ("job", "state", "endpoint", "beat", "ends in", "model", "manifest")
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in (head, *rows)]
    return "\n".join([*lines, *silence])


def _row(job: str, state: str, record: Record | None) -> tuple[str, ...]:
    if record is None:
        return job, state, *("-" * 5)
    age = f"{time.time() - record.beat:.0f} s ago" + ("" if record.is_fresh else ", out of date")
    left = "-" if record.ends is None else f"{(record.ends - time.time()) / 60:.0f} min"
    return job, state, record.url, age, left, record.model, record.manifest[:12]


def stop(experiment: str, folder: str) -> list[str]:
    """End every replica: running ones drain, others are cancelled; returns their jobs once all have ended."""
    known_jobs = jobs(experiment)
    running = [job for job, state in known_jobs.items() if state == "RUNNING"]
    cancel(running, "--batch", "--signal=TERM")
    cancel(job for job in known_jobs if job not in running)
    while jobs(experiment, PATIENCE_S):
        time.sleep(1)
    sweep(folder)
    return list(known_jobs)


def teacher_manifest(experiment: str, configfiles: list[str]) -> Path:
    """The manifest of the teacher to serve. Raises InputError, with the command that makes it, where it is missing."""
    manifest = Path(Layout(experiment).shared.model("teacher"))
    if not manifest.is_file():
        command = f"snakemake {manifest} --cores 1 --configfile {shlex.join(configfiles)}"
        raise InputError(f"{manifest}: not found; make the teacher first: {command}", "no-such-file")
    return manifest


def served_config(configfiles: list[str], overrides: Mapping[str, Any] | None = None) -> Config:
    """The configuration of an experiment whose teacher is a service. Raises InputError where it is not."""
    config = open_config(*configfiles, overrides=overrides)
    if config.teacher.backend != "managed":
        raise InputError(
            f"teacher.backend is {config.teacher.backend}; replicas are for `backend: managed`", "other-backend"
        )
    return config
