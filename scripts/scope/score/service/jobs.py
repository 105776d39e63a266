"""The teacher as a service: its replicas as SLURM jobs, and what is there of them."""

import shlex
import sys
import time
from pathlib import Path

from scope.artifacts.layout import Layout
from scope.config.experiment import Config, open_config
from scope.errors import InputError
from scope.score.service.registry import Record, read_records, sweep
from scope.slurm.commands import ask

SCRIPT = Path(__file__).resolve().parents[3] / "serve_teacher.py"
# SIGTERM to the replica itself, so early before the walltime's end that it can drain.
OPTIONS = ["--parsable", "--requeue", "--open-mode=append", "--signal=B:TERM@120"]


def job_name(experiment: str) -> str:
    """The name of an experiment's replicas as SLURM jobs."""
    return f"scope-teacher-{experiment}"


def jobs(experiment: str) -> dict[str, str]:
    """State of each replica of this folder's experiment that SLURM knows, by job."""
    listed = ask("squeue", "--me", "--noheader", f"--name={job_name(experiment)}", "--format=%i|%T|%Z")
    rows = [line.split("|", 2) for line in listed.splitlines()]
    return {job: state for job, state, folder in rows if Path(folder) == Path.cwd()}


def start(experiment: str, folder: str, replicas: int, configfiles: list[str], options: list[str]) -> list[str]:
    """Submit as many replicas as are missing, with further `options` of sbatch; returns their jobs."""
    sweep(folder)
    logs = Path(Layout(experiment).shared.logs)
    logs.mkdir(parents=True, exist_ok=True)
    serve = [sys.executable, str(SCRIPT), "--configfile", *configfiles]
    submit = ["sbatch", *OPTIONS, f"--job-name={job_name(experiment)}", f"--output={logs}/teacher.%j.log", *options,
              f"--wrap=exec {shlex.join(serve)}"]  # fmt: skip
    return [ask(*submit).split(";")[0].strip() for _ in range(replicas - len(jobs(experiment)))]


def status(experiment: str, folder: str) -> str:
    """A table of replicas: those that SLURM knows, and those that wrote a record; and why, if SLURM cannot be asked."""
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
    """Have every replica end: running ones drain, others are cancelled; returns their jobs once all are gone."""
    there = jobs(experiment)
    running = [job for job, state in there.items() if state == "RUNNING"]
    others = [job for job in there if job not in running]
    if running:
        ask("scancel", "--batch", "--signal=TERM", *running)
    if others:
        ask("scancel", *others)
    while jobs(experiment):
        time.sleep(1)
    sweep(folder)
    return list(there)


def teacher_manifest(experiment: str, configfiles: list[str]) -> Path:
    """The manifest of the teacher to serve. Raises InputError that says how to make it where it is not there."""
    manifest = Path(Layout(experiment).shared.model("teacher"))
    if not manifest.is_file():
        command = f"snakemake {manifest} --cores 1 --configfile {shlex.join(configfiles)}"
        raise InputError(f"{manifest}: not found; make the teacher first: {command}")
    return manifest


def served_config(configfiles: list[str]) -> Config:
    """The configuration of an experiment whose teacher is a service. Raises InputError where it is not."""
    config = open_config(*configfiles)
    if config.teacher.backend != "service":
        raise InputError(f"teacher.backend is {config.teacher.backend}; replicas are for `backend: service`")
    return config
