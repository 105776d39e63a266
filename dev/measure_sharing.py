"""Measure what arms save by sharing: an ablation as one experiment, and each of its arms as an experiment of its own.

Both run from scratch to the end, with the same number of parallel jobs and the same evaluation. With the demo and six
arms this takes about an hour on two cores.

Example: python dev/measure_sharing.py --out results/sharing
"""

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import library  # noqa: F401
from scope import cli
from scope.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
ARMS = (
    "scope",
    "scope_no_weights",
    "scope_no_student_weight",
    "scope_reversed_student",
    "scope_no_teacher_weight",
    "scope_reversed_teacher",
)


def main() -> None:
    """Run together, run apart, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", nargs="+", default=ARMS, metavar="ARM", help=f"default: {' '.join(ARMS)}")
    parser.add_argument(
        "--configfile", nargs="+", default=["config/config.yaml"], metavar="YAML", help="the experiment"
    )
    parser.add_argument("--cores", default="2", help="jobs at a time (default: 2)")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("results/sharing"),
        metavar="STEM",
        help="writes STEM.md and STEM.json (default: results/sharing)",
    )
    args = parser.parse_args()
    experiments = {"sharing_together": args.arms} | {f"sharing_{arm}": [arm] for arm in args.arms}
    taken = [name for name in experiments if (ROOT / "results" / name).exists()]
    if taken:
        raise InputError(
            f"results/{taken[0]} exists; remove it, so that everything is measured from scratch", "existing-results"
        )
    rows = [measure(name, arms, args) for name, arms in experiments.items()]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    args.out.with_suffix(".md").write_text(table(rows) + "\n", encoding="utf-8")
    print(table(rows))


def measure(experiment: str, arms: list[str], args: argparse.Namespace) -> dict[str, Any]:
    """Run one experiment; its jobs and its seconds of wall clock."""
    names = f"arms=[{','.join(arms)}]"
    chosen = ["--configfile", *args.configfile, "--config", f"experiment={experiment}", names]
    command = [sys.executable, "scripts/run.py", "--cores", args.cores, *chosen]
    print(f"{experiment}: running", file=sys.stderr)
    started = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")
    if done.returncode:
        raise InputError(
            f"{experiment}: {' '.join(command)} ended with status {done.returncode}: {done.stdout[-3000:]}",
            "command-failed",
        )
    seconds = time.perf_counter() - started
    jobs = int(re.findall(r"^(\d+) of \1 steps \(100%\) done$", done.stdout, re.M)[-1])
    return {"experiment": experiment, "arms": arms, "jobs": jobs, "seconds": seconds}


def table(rows: list[dict[str, Any]]) -> str:
    """Together against apart, in Markdown; the aggregate rule `all` counts as a job of each run."""
    together, *apart = rows
    jobs, seconds = (sum(row[key] for row in apart) for key in ("jobs", "seconds"))
    lines = [
        f"| {len(together['arms'])} arms | jobs | wall clock, s |",
        "|---|---|---|",
        f"| one experiment, sharing | {together['jobs']} | {together['seconds']:.0f} |",
        f"| one experiment each | {jobs} | {seconds:.0f} |",
        f"| ratio | {together['jobs'] / jobs:.2f} | {together['seconds'] / seconds:.2f} |",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    cli.run(main)
