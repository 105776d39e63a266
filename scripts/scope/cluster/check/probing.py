"""Probe jobs as the controller handles them: submit them, reply to them, wait for them."""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scope.cluster.check.probe import write
from scope.errors import InputError
from scope.slurm.commands import submit
from scope.slurm.jobs import queued_jobs

POLL_S = 2


@dataclass
class Probe:
    """One probe job: where it was sent, what it requested, and its state."""

    place: str
    gpus: int
    folder: Path
    options: list[str]
    job: str = ""
    """Its number; empty where SLURM refused it, for the reason in `refusal`."""
    refusal: str = ""
    state: str = "PENDING"
    """State and reason, as squeue prints them; empty once the job is gone."""

    def submit(self, command: str, asked: dict[str, Any]) -> None:
        """Submit the job, or keep the reason where SLURM refuses it."""
        self.folder.mkdir(parents=True)
        write(self.folder / "ask.json", json.dumps(asked))
        try:
            self.job = submit(command, *self.options, f"--output={self.folder / 'log'}").job
        except InputError as error:
            self.refusal = str(error)

    def answer(self) -> None:
        """Reply to a job that wrote `hello`."""
        if (self.folder / "hello").exists() and not (self.folder / "reply").exists():
            write(self.folder / "reply", str(time.time()))

    @property
    def found(self) -> dict[str, Any] | None:
        """What the job found; None until it has written that."""
        report = self.folder / "found.json"
        return json.loads(report.read_text(encoding="utf-8")) if report.exists() else None


def wait_for(probes: list[Probe], patience_s: float, latency_s: float) -> None:
    """Reply to all jobs until each has reported or ended; give up where all others still queue after `patience_s`.

    The report of a job that has ended may become visible `latency_s` later.
    """
    started = checked = time.monotonic()
    ended: dict[str, float] = {}
    while waiting := [p for p in probes if not p.found and time.monotonic() < ended.get(p.job, 1e18) + latency_s]:
        for probe in waiting:
            probe.answer()
        if time.monotonic() - checked > POLL_S:
            checked = time.monotonic()
            update_states(waiting)
            ended = {p.job: ended.get(p.job, checked) for p in waiting if not p.state}
            print_progress(waiting, checked - started)
        if time.monotonic() - started > patience_s and all(p.state.startswith("PENDING") for p in waiting):
            break
        time.sleep(0.1)
    sys.stderr.write("\r\033[K")


def update_states(probes: list[Probe]) -> None:
    """Ask squeue for the states of jobs; they stay as they were where it does not answer."""
    try:
        states = {job.number: f"{job.state} ({job.reason})" for job in queued_jobs()}
    except InputError:
        return
    for probe in probes:
        probe.state = states.get(probe.job, "")


def print_progress(probes: list[Probe], seconds: float) -> None:
    """Show, on one line that is overwritten, which jobs have not reported yet."""
    waiting = ", ".join(f"{p.place} {p.state or 'ended'}" for p in probes)
    sys.stderr.write(f"\r\033[K{seconds:.0f} s, probe jobs: {waiting}"[:200])
    sys.stderr.flush()
