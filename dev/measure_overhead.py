"""Measure the overhead of a cluster: the seconds of each stage outside its own work.

It reads finished runs, each in its own folder: Snakemake's newest log (when a job was handed over, when its end was
noticed), the benchmark files (how long its command ran) and the stages' logs (when the work began). Run them one after
the other on an idle machine, from scratch. Times of Snakemake's log are whole seconds.

Example: python dev/measure_overhead.py job-per-stage=/scratch/a allocation=/scratch/b
"""

import argparse
import csv
import re
from datetime import datetime
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import library  # noqa: F401
from scope import cli
from scope.artifacts.stages import CHAIN
from scope.errors import InputError

# Seconds of one step in the paper's setting (Table 8), and the stages that a round runs one after the other.
STEP_S = 641.9
STEPS = (1, 2, 4, 8)
READY = re.compile(r"^ready: ([\d.]+) s after", re.M)


class Times(NamedTuple):
    """Seconds of one job: as the controller sees it, of its command, and of its command before the work began."""

    seen: float
    command: float
    start: float

    @property
    def around(self) -> float:
        """Seconds around the command: queue, Snakemake in the job, notice of the end."""
        return self.seen - self.command


def main() -> None:
    """Read the runs, print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="NAME=FOLDER", help="finished runs of the same experiment")
    args = parser.parse_args()
    unnamed = [run for run in args.runs if "=" not in run]
    if unnamed:
        raise InputError(f"{unnamed[0]}: write NAME=FOLDER, such as allocation={unnamed[0]}", "invalid-argument")
    runs = {name: read_run(Path(folder)) for name, folder in (run.split("=", 1) for run in args.runs)}
    print(stages_table(runs))
    print()
    print(model_table(runs))


def read_run(folder: Path) -> dict[str, list[Times]]:
    """The times of every job by its stage. Raises InputError where the run left no log."""
    logs = sorted((folder / ".snakemake/log").glob("*.log"))
    if not logs:
        raise InputError(
            f"{folder}: no log of Snakemake below .snakemake/log; give the folder of a finished run", "no-log"
        )
    jobs: dict[str, list[Times]] = {}
    for stage, seen, benchmark, log in read_log(logs[-1].read_text(encoding="utf-8"), folder):
        with open(benchmark, encoding="utf-8") as file:
            command = float(next(csv.DictReader(file, delimiter="\t"))["s"])
        began = READY.search(log.read_text(errors="replace", encoding="utf-8"))
        jobs.setdefault(stage, []).append(Times(seen, command, float(began[1]) if began else 0.0))
    if not jobs:
        raise InputError(
            f"{logs[-1]}: no stage finished in this run, the newest of {folder}; measure a run from scratch",
            "no-finished-stage",
        )
    return jobs


def read_log(text: str, folder: Path) -> list[tuple[str, float, Path, Path]]:
    """Stage, seconds from hand-over to notice, benchmark file and log of every finished job that has a benchmark."""
    started, found, now = {}, [], 0.0
    for block in re.split(r"^(?=\[\w{3} \w{3} +\d)", text, flags=re.M)[1:]:
        now = datetime.strptime(block[1 : block.index("]")], "%a %b %d %H:%M:%S %Y").timestamp()
        job = dict(re.findall(r"^    (jobid|log|benchmark): (\S+)", block, re.M))
        rule = re.search(r"^(?:local)?rule (\w+):", block, re.M)
        if rule and "benchmark" in job:
            started[job["jobid"]] = (rule[1], now, folder / job["benchmark"], folder / job["log"])
        for number in re.findall(r"^Finished jobid: (\d+)", block, re.M):
            if number in started:
                stage, since, benchmark, log = started.pop(number)
                found.append((stage, now - since, benchmark, log))
    return found


def stages_table(runs: dict[str, dict[str, list[Times]]]) -> str:
    """Means per stage and run: around the command, start of the work, work; and the first two together."""
    lines = [
        "| stage | run | jobs | queue, Snakemake, polling | launch, imports, model | work | overhead |",
        "|---|---|---|---|---|---|---|",
    ]
    for stage in dict.fromkeys(stage for jobs in runs.values() for stage in jobs):
        for name, jobs in runs.items():
            times = jobs.get(stage, [])
            if times:
                around, start = mean(t.around for t in times), mean(t.start for t in times)
                work = mean(t.command - t.start for t in times)
                figures = " | ".join(f"{value:.1f}" for value in (around, start, work, around + start))
                lines.append(f"| {stage} | {name} | {len(times)} | {figures} |")
    return "\n".join(lines)


def round_overhead(jobs: dict[str, list[Times]]) -> float:
    """Overhead of one round in seconds: its stages in turn, shards at the same time."""
    return sum(mean(t.around + t.start for t in jobs[stage]) for stage in CHAIN if stage in jobs)


def model_table(runs: dict[str, dict[str, list[Times]]]) -> str:
    """Share of overhead in a round's wall-clock time, if a step takes as long as in the paper's Table 8."""
    lines = [
        f"| run | overhead of a round | {' | '.join(f'{steps} steps a round' for steps in STEPS)} |",
        f"|---|---|{'---|' * len(STEPS)}",
    ]
    for name, jobs in runs.items():
        overhead = round_overhead(jobs)
        shares = " | ".join(f"{overhead / (overhead + steps * STEP_S):.1%}" for steps in STEPS)
        lines.append(f"| {name} | {overhead:.1f} s | {shares} |")
    return "\n".join(lines)


if __name__ == "__main__":
    cli.run(main)
