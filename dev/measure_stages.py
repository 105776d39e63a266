"""Seconds, peak memory and tokens per second of every stage of a finished experiment, as a Markdown table.

Seconds and memory are those that Snakemake recorded of each job, start of processes and engines included. Tokens are
response tokens: sampled by rollouts and evaluations, scored by the teacher, trained on by updates.

Example: python dev/measure_stages.py results/smollm
"""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl

import library  # noqa: F401
from scope import cli
from scope.artifacts.listing import artifacts_below
from scope.artifacts.names import SEED, SHARED
from scope.artifacts.place import artifact_place
from scope.report.timing import Runs, read_timings, stages

EVERY_ROUND = 1_000_000
TOKENS: dict[str, Callable[[pl.LazyFrame], pl.LazyFrame]] = {
    "rollout": lambda rows: rows.select(pl.col("response_token_ids").list.len().sum()),
    "evaluate": lambda rows: rows.select(pl.col("tokens").sum()),
    "score": lambda rows: rows.filter(pl.col("scorer_logprobs").is_not_null()).select(
        pl.col("scorer_logprobs").list.len().sum()
    ),
    "batch": lambda rows: rows.select(pl.col("response_token_ids").list.len().sum()),
}
"""By kind of artifact: the number of tokens that made it."""
KINDS = {"update": "batch"}
"""The kind of artifact that holds the tokens of a stage, where it is not its own."""


def main() -> None:
    """Read, add up, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="folder of the experiment, below results/")
    print(table(parser.parse_args().results))


def table(results: Path) -> str:
    """Rows of stage, jobs, seconds in all, seconds and tokens per job and the largest job's memory."""
    arms = sorted(path.name for path in (results / "timings").iterdir() if path.name != SHARED)
    shared = [path.name for path in (results / "timings" / SHARED).iterdir() if path.is_dir()]
    seeds = sorted({int(path.name.removeprefix(SEED)) for path in (results / "timings").glob(f"*/{SEED}*")})
    timings = read_timings(results / "timings", Runs(arms, seeds, EVERY_ROUND, shared))
    artifacts = artifacts_below(str(results))
    lines = [
        "| stage | jobs | seconds | seconds a job | peak memory, MB | tokens | tokens/s |",
        "|---|---|---|---|---|---|---|",
    ]
    for stage in stages(timings):
        jobs = timings.filter(pl.col("stage") == stage)
        seconds, memory = sum(jobs["seconds"].to_list()), max(jobs["memory"].to_list())
        count = tokens(KINDS.get(stage, stage), artifacts)
        rate = f"{count:,.0f} | {count / seconds:,.1f}" if count else " | "
        lines.append(
            f"| {stage} | {jobs.height} | {seconds:,.0f} | {seconds / jobs.height:,.1f} | {memory:,.0f} | {rate} |"
        )
    return "\n".join(lines)


def tokens(kind: str, artifacts: Iterable[str]) -> float:
    """Tokens in all artifacts of a kind; 0 for a kind that has none."""
    files = [path for path in artifacts if path.endswith(".parquet") and artifact_place(path).kind == kind]
    if kind not in TOKENS or not files:
        return 0
    return sum(TOKENS[kind](pl.scan_parquet(path)).collect().item() or 0 for path in files)


if __name__ == "__main__":
    cli.run(main)
