"""Measure how planning grows: dry runs of this workflow beside a bare one with as many jobs and no content.

The bare workflow has five rules with the same chain of files and nothing else: no settings, no logs, no input
functions but the one from round to round. Both are planned by `snakemake -n` in the same run, by turns; the seconds
are the least of the repetitions, the memory is the peak of the process. Nothing is computed.

Example: python dev/measure_planning.py --out results/planning
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import library  # noqa: F401
from scope import cli

ROOT = Path(__file__).resolve().parent.parent
SIZES = ("3x8", "25x8", "125x8", "400x8", "100x64", "1250x8")
STAGES = 5
BARE = """
import sys
sys.setrecursionlimit(20000)
PLACE = "results/{arm}/round{round}"
wildcard_constraints:
    round=r"[1-9][0-9]*",
    arm="v[0-9]+",
def before(w):
    return [] if w.round == "1" else f"results/{w.arm}/round{int(w.round) - 1}/policy"
rule all:
    input: [f"results/v{v}/round{r}/policy" for r in range(1, ROUNDS + 1) for v in range(ARMS)]
rule rollout:
    input: before
    output: PLACE + "/rollout"
    shell: ""
rule verify:
    input: PLACE + "/rollout"
    output: PLACE + "/verify"
    shell: ""
rule score:
    input: PLACE + "/rollout", PLACE + "/verify"
    output: PLACE + "/score"
    shell: ""
rule weigh:
    input: PLACE + "/rollout", PLACE + "/verify", PLACE + "/score"
    output: PLACE + "/batch"
    shell: ""
rule update:
    input: PLACE + "/batch", before
    output: PLACE + "/policy"
    shell: ""
"""


class Cost(NamedTuple):
    """What one dry run took."""

    seconds: float
    megabytes: float


def main() -> None:
    """Measure every size, write a table and a chart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="ROUNDSxARMS", help=" ".join(SIZES))
    parser.add_argument("--repeat", type=int, default=2, help="dry runs of each kind and size (default: 2)")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("results/planning"),
        metavar="STEM",
        help="writes STEM.md, STEM.json and STEM.svg (default: results/planning)",
    )
    args = parser.parse_args()
    rows = []
    for size in args.sizes:
        rounds, arms = map(int, size.split("x"))
        rows.append(measure(rounds, arms, args.repeat))
        print(table(rows[-1:]).splitlines()[-1], file=sys.stderr)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    args.out.with_suffix(".md").write_text(table(rows) + "\n", encoding="utf-8")
    args.out.with_suffix(".svg").write_text(chart(rows), encoding="utf-8")
    print(table(rows))


def measure(rounds: int, arms: int, repeat: int) -> dict[str, float]:
    """One row of the table: this workflow, the bare one, and one late file asked for by name."""
    with tempfile.TemporaryDirectory() as folder:
        config = write_config(Path(folder), rounds, arms)
        bare = write_bare(Path(folder), rounds, arms)
        runs = [(plan(ROOT, "--configfile", config), plan(bare)) for _ in range(repeat)]
        late = plan(ROOT, f"results/planning/v0/seed0/round{rounds}/metrics.parquet", "--configfile", config)
    ours, theirs = (Cost(*map(min, zip(*costs, strict=True))) for costs in zip(*runs, strict=True))
    return {
        "rounds": rounds,
        "arms": arms,
        "jobs": rounds * arms * STAGES,
        "seconds": ours.seconds,
        "bare": theirs.seconds,
        "ratio": ours.seconds / theirs.seconds,
        "megabytes": ours.megabytes,
        "bare_megabytes": theirs.megabytes,
        "late": late.seconds,
    }


def write_config(folder: Path, rounds: int, arms: int) -> Path:
    """The demo with so many rounds and arms, which differ in the learning rate."""
    import yaml

    config = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    variants = {f"v{i}": {"update": {"learning_rate": 1e-5 * (i + 1)}} for i in range(arms)}
    config |= {"experiment": "planning", "rounds": rounds, "arms": list(variants), "variants": variants}
    config["evaluation"]["every"] = 0
    path = folder / "planning.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def write_bare(folder: Path, rounds: int, arms: int) -> Path:
    """A folder with the bare workflow."""
    bare = folder / "bare"
    bare.mkdir()
    (bare / "Snakefile").write_text(f"ROUNDS, ARMS = {rounds}, {arms}\n{BARE}", encoding="utf-8")
    return bare


def plan(folder: Path, *arguments: object) -> Cost:
    """Seconds and peak memory of one dry run."""
    command = [sys.executable, "-m", "snakemake", "-n", *map(str, arguments)]
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8")
    assert process.stderr is not None  # a pipe
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)} failed: {complaint[-2000:]}")
    return Cost(time.perf_counter() - started, usage.ru_maxrss / 1e3)


def table(rows: list[dict[str, float]]) -> str:
    """The rows in Markdown."""
    lines = [
        "| rounds x arms | jobs | seconds | bare | ratio | MB | bare MB | one late file, s |",
        "|---" * 8 + "|",
    ]
    lines += [
        f"| {r['rounds']} x {r['arms']} | {r['jobs']:,} | {r['seconds']:.1f} | {r['bare']:.1f} | {r['ratio']:.2f} "
        f"| {r['megabytes']:.0f} | {r['bare_megabytes']:.0f} | {r['late']:.1f} |"
        for r in rows
    ]
    return "\n".join(lines)


def chart(rows: list[dict[str, float]]) -> str:
    """Seconds over jobs of both workflows, as SVG."""
    import altair as alt
    import vl_convert

    names = {"seconds": "this workflow", "bare": "bare Snakemake"}
    points = [{"jobs": r["jobs"], "seconds": r[key], "plan": name} for r in rows for key, name in names.items()]
    lines = (
        alt.Chart(alt.InlineData(values=points))
        .mark_line(point=True)
        .encode(
            x=alt.X("jobs:Q", title="jobs"),
            y=alt.Y("seconds:Q", title="seconds of a dry run"),
            color=alt.Color("plan:N", title=None),
        )
    )
    return vl_convert.vegalite_to_svg(lines.properties(width=560, height=300).to_dict())


if __name__ == "__main__":
    cli.run(main)
