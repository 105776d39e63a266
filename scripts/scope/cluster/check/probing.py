"""Probe jobs from the controller's side: submit them, answer them, wait for them."""

import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scope.cluster.check.probe import write
from scope.slurm.parse import ask


@dataclass
class Probe:
    """One probe job: where it was sent, what it asked for, and what became of it."""

    place: str
    gpus: int
    folder: Path
    options: list[str]
    job: str = ""
    """Its number; empty where SLURM refused it, as `refusal` says."""
    refusal: str = ""
    state: str = "PENDING"
    """State and reason, as squeue prints them; empty once the job is gone."""

    def submit(self, command: str, asked: dict[str, Any]) -> None:
        """Hand the job to SLURM, or keep its words where it refuses."""
        self.folder.mkdir(parents=True)
        write(self.folder / "ask.json", json.dumps(asked))
        words = ["sbatch", "--parsable", *self.options, f"--output={self.folder / 'log'}", "--wrap", command]
        done = subprocess.run(words, capture_output=True, text=True)
        self.refusal = done.stderr.strip() if done.returncode else ""
        self.job = done.stdout.strip().split(";")[0]

    def answer(self) -> None:
        """Reply to a job that said hello."""
        if (self.folder / "hello").exists() and not (self.folder / "reply").exists():
            write(self.folder / "reply", str(time.time()))

    @property
    def found(self) -> dict[str, Any] | None:
        """What the job found; None until it says so."""
        answered = self.folder / "found.json"
        return json.loads(answered.read_text()) if answered.exists() else None


def wait_for(probes: list[Probe], patience_s: float, latency_s: float) -> None:
    """Answer all jobs until each has found something or is gone; cancel those that still queue after `patience_s`."""
    started = asked = time.monotonic()
    gone: dict[str, float] = {}
    while open_ones := [p for p in probes if p.found is None and time.monotonic() < gone.get(p.job, 1e18) + latency_s]:
        for probe in open_ones:
            probe.answer()
        if time.monotonic() - asked > 2:
            asked = time.monotonic()
            look_up(open_ones)
            gone = {p.job: gone.get(p.job, asked) for p in open_ones if not p.state}
            print_progress(open_ones, asked - started)
        if time.monotonic() - started > patience_s and all(p.state.startswith("PENDING") for p in open_ones):
            break
        time.sleep(0.1)
    sys.stderr.write("\r\033[K")


def look_up(probes: list[Probe]) -> None:
    """Ask squeue for the states of jobs."""
    listed = ask("squeue", "--noheader", f"--jobs={','.join(p.job for p in probes)}", "--format=%i|%T|%r")
    states = dict(re.findall(r"^(\d+)\|([A-Z_]+\|.*)$", listed, re.M))
    for probe in probes:
        state, _, reason = states.get(probe.job, "").partition("|")
        probe.state = f"{state} ({reason})" if state in ("PENDING", "RUNNING", "CONFIGURING", "COMPLETING") else ""


def print_progress(probes: list[Probe], seconds: float) -> None:
    """One line that is written over: which jobs are waited for, and for how long."""
    waiting = ", ".join(f"{p.place} {p.state or 'ended'}" for p in probes)
    sys.stderr.write(f"\r\033[K{seconds:.0f} s, probe jobs: {waiting}"[:200])
    sys.stderr.flush()
