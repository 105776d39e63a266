"""Measure the update step, its head and scoring beside TRL and vLLM, on this machine's CPU with one thread.

Each measurement is a fresh process; the sides of a case take turns. All get the same token ids and model weights.
Finished measurements are kept, so a run that was stopped resumes where it was; --fresh measures all again, and an edit
below scripts/ measures the edited code. TRL gets an environment of its own, which the first run installs.

Examples:
  make bench                                               all cases, then docs/benchmarks.md and docs/benchmarks.json
  make bench ARGS="--only head --repeats 5"                one case
  make bench ARGS="--quick --sides scope --only head"      tiny sizes in seconds, without TRL; writes no document
"""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import library  # noqa: F401
from bench.cases import CASES, PROJECT, TRL, VLLM, Case, chosen
from bench.environment import TRL_PIN, trl_python
from bench.store import ROOT, Store, measured_code
from bench.tables import fill, section
from bench.turns import Bench
from scope import cli

DOCUMENT = ROOT / "docs/benchmarks.md"
RAW = DOCUMENT.with_suffix(".json")


def main() -> None:
    """Parse, measure case by case, write tables and raw figures."""
    args = parse()
    folder = args.environment.expanduser()
    kept = folder / ("quick.jsonl" if args.quick else "measurements.jsonl")
    bench = Bench(folder, Store(kept, fresh=args.fresh), measured_code(), lambda name: interpreter(name, folder))
    for case in chosen(args.only, args.quick):
        sides = tuple(side for side in case.sides if side.environment in args.sides)
        if not sides:
            print(f"{case.name}: none of its sides is in --sides", flush=True)
            continue
        figures = bench.case(replace(case, sides=sides), args.repeats)
        part = section(replace(case, sides=sides), figures)
        print(f"\n{case.title}\n\n{part}\n", flush=True)
        if not args.quick and sides == case.sides:
            write(case, part, figures, bench.code)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names, environments = [case.name for case in CASES], [PROJECT, TRL, VLLM]
    options: dict[str, dict[str, Any]] = {
        "--only": {"nargs": "+", "default": [], "choices": names, "metavar": "CASE", "help": ", ".join(names)},
        "--sides": {"nargs": "+", "default": environments, "choices": environments, "help": "environments to measure "
                    "(default: all); the document is written for cases that were measured on all sides"},
        "--repeats": {"type": positive, "default": 3, "metavar": "N", "help": "measurements of each side (default 3)"},
        "--quick": {"action": "store_true", "help": "tiny sizes, to see that everything works"},
        "--fresh": {"action": "store_true", "help": "forget the measurements of earlier runs"},
        "--environment": {"type": Path, "default": Path("~/.cache/scope-bench"), "metavar": "FOLDER", "help":
                          "TRL's environment, saved models, finished measurements (default: %(default)s)"},
    }  # fmt: skip
    for name, option in options.items():
        parser.add_argument(name, **option)
    return parser.parse_args()


def positive(text: str) -> int:
    """A number of repeats."""
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def interpreter(environment: str, folder: Path) -> Path:
    """That of TRL, made where it is missing, or this one."""
    return trl_python(folder) if environment == TRL else Path(sys.executable)


def write(case: Case, part: str, figures: dict[str, list[dict[str, Any]]], code: str) -> None:
    """Replace a case in the document and in the raw figures."""
    raw = json.loads(RAW.read_text(encoding="utf-8")) if RAW.is_file() else {}
    kept = {name: [{key: row[key] for key in row if key != "key"} for row in rows] for name, rows in figures.items()}
    raw[case.name] = {"title": case.title, **conditions(code), "figures": kept}
    RAW.write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
    where = f"Measured on {raw[case.name]['date']} at commit {code}, {raw[case.name]['machine']}."
    fill(DOCUMENT, {case.name: f"{part} {where}"})


def conditions(code: str) -> dict[str, Any]:
    """When, where and with what was measured."""
    model = subprocess.run(["lscpu"], encoding="utf-8", capture_output=True).stdout
    lines = [line.split(":")[1].strip() for line in model.splitlines() if line.startswith("Model name")]
    versions = {name: importlib.metadata.version(name) for name in ("torch", "transformers", "vllm", "deepspeed")}
    return {
        "date": time.strftime("%Y-%m-%d"), "commit": code, "threads": 1,
        "machine": f"{lines[0] if lines else platform.machine()}, {os.cpu_count()} cores",
        "versions": versions | {"trl": TRL_PIN.split("==")[1]},
    }  # fmt: skip


if __name__ == "__main__":
    cli.run(main)
