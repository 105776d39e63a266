"""Seconds that a command takes before, between and after the lines that it appends to a JSONL file.

Snakemake's `-p` prints the command of an update, and `--out-live` names its JSONL file, a line per optimizer step. The
time before the first line has one step in it. The file must not exist yet.

Example: python dev/measure_steps.py live.jsonl -- python scripts/update.py ... --out-live live.jsonl
"""

import argparse
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import library  # noqa: F401
from scope.artifacts.startup import VARIABLE

POLL_S = 0.02


def main() -> None:
    """Run, watch, print; the exit status is the command's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jsonl", type=Path, help="file that the command appends to")
    parser.add_argument("command", nargs="+", help="the command, after --")
    args = parser.parse_args()
    if args.jsonl.exists():
        parser.error(f"{args.jsonl} exists; remove it or name another file")
    started = time.time()
    process = subprocess.Popen(args.command, env=os.environ | {VARIABLE: str(started)})
    lines = [moment - started for moment in appended(args.jsonl, process)]
    if not lines:
        print(f"{args.jsonl}: the command wrote no line", file=sys.stderr)
        sys.exit(process.returncode or 1)
    end = time.time() - started - lines[-1]
    between = ", ".join(f"{after - before:.2f}" for before, after in itertools.pairwise(lines))
    print(f"first line: {lines[0]:.2f} s; between lines: {between or 'none'}; after the last: {end:.2f} s")
    sys.exit(process.returncode)


def appended(jsonl: Path, process: subprocess.Popen) -> Iterator[float]:
    """The time at which each line was seen first, until the process ends."""
    seen = 0
    running = True
    while running:
        running = process.poll() is None
        count = jsonl.read_bytes().count(b"\n") if jsonl.exists() else 0
        yield from [time.time()] * (count - seen)
        seen = max(count, seen)
        if running:
            time.sleep(POLL_S)


if __name__ == "__main__":
    main()
