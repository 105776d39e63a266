"""The smallest world on the virtual cluster, and what SLURM knows of its jobs."""

import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from flows import checkout, digests, snakemake

PROFILE = ("--profile", "slurm", "--workflow-profile", "tests/configs/site")
WORLD = ("--configfile", "tests/configs/smallest.yaml", "tests/configs/cluster.yaml")
SECRET = "sk-planted-0f3c9a7be1"
KEYS = ("SCOPE_TEACHER_API_KEY", "WANDB_API_KEY", "HF_TOKEN")
ARM = "results/cluster/scope/seed0"
COLUMNS = {"job": "%A", "place": "%Z", "rule": "%k", "nodes": "%N", "start": "%S", "end": "%e", "state": "%T"}


def run(folder, *targets, **options):
    """Run the workflow of a checkout on the cluster, as flows.snakemake does."""
    return snakemake(folder, *targets, *PROFILE, *WORLD, **options)


def finished_run(folder):
    """A finished run in a new checkout, with keys in its environment and an eye on every command line meanwhile."""
    checkout(folder)
    with command_lines() as seen, pytest.MonkeyPatch.context() as environment:
        for name in KEYS:
            environment.setenv(name, SECRET)
        run(folder)
    return ClusterRun(folder, digests(folder), seen)


@contextmanager
def command_lines():
    """Context: the set of all command lines that run on this machine, looked at ten times a second."""
    seen, over = set(), threading.Event()

    def look():
        while not over.wait(0.1):
            for place in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    seen.add(place.read_bytes())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


@dataclass
class ClusterRun:
    """A finished run in its own checkout, to be broken and mended."""

    folder: Path
    whole: dict[str, str]
    command_lines: set[bytes]

    def run(self, *targets, **options):
        """Run the workflow again, or what makes some of its files."""
        return run(self.folder, *targets, **options)

    def jobs(self, rule="rule_"):
        """Every SLURM job of a rule so far, the oldest first."""
        command = ["squeue", "--states=all", "--noheader", f"--format={'|'.join(COLUMNS.values())}"]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        table = pl.DataFrame(
            [line.split("|") for line in lines], schema=dict.fromkeys(COLUMNS, pl.String), orient="row"
        )
        ours = (pl.col("place") == str(self.folder)) & pl.col("rule").str.starts_with(rule)
        return table.filter(ours).sort(pl.col("job").cast(pl.Int64))

    def undo(self, stage):
        """Remove what a stage of round 2 made; returns the removed files, to be asked for again."""
        made = {
            "rollout": ["rollout/0.parquet", "rollout/1.parquet"],
            "score": ["score/0.parquet", "score/1.parquet"],
            "update": ["policy/manifest.json", "state/manifest.json", "metrics.parquet", "metrics.jsonl"],
            "evaluate": ["evaluate/coins/T1/0.samples.parquet"],
        }
        paths = [f"{ARM}/round2/{path}" for path in made[stage]]
        for path in paths:
            (self.folder / path).unlink()
        return paths

    def start(self, stage):
        """Run a stage of round 2 again until a job of it runs; returns its files, the controller and the job."""
        rule, before, targets = f"rule_{stage}_", set(self.jobs()["job"]), self.undo(stage)
        controller = self.run(*targets, wait=False)
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            running = self.jobs(rule).filter(pl.col("state") == "RUNNING", ~pl.col("job").is_in(before))
            if len(running):
                return targets, controller, running["job"][0]
            time.sleep(0.2)
        raise AssertionError(f"no job of {stage} within 90 s: {controller.communicate()[0][-3000:]}")

    def state(self, job):
        """State of one job."""
        return self.jobs().filter(job=job)["state"].item()

    def is_whole(self):
        """Whether every artifact is what the unbroken run made, and nothing half-written lies about."""
        return digests(self.folder) == self.whole
