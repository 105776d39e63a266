"""Judge every rollout by the rules of its prompt's domain: one verdict a row."""

import sys
import time
from collections import Counter

import polars as pl

from scope import cli
from scope.artifacts import parquet
from scope.artifacts.recipe import read_recipe
from scope.artifacts.schemas.prompts import PROMPTS
from scope.artifacts.schemas.rollouts import ROLLOUTS
from scope.artifacts.schemas.verdicts import VERDICTS
from scope.errors import InputError
from scope.verify.pool import Row, verify_rows
from scope.verify.recipe import VerifyRecipe
from scope.verify.verdict import Verdict

PASSED_ON = ("arm", "seed", "round")
AGAINST = ("answer", "tests", "tolerance")


def main() -> None:
    """Parse, read, judge, write."""
    parser = cli.parser("verify", __doc__)
    parser.add_argument("--prompts", required=True, metavar="FILE", help="prompts, with problems and answers")
    parser.add_argument("--rollouts", required=True, metavar="FILE", help="rollouts to judge")
    parser.add_argument("--out", required=True, metavar="FILE", help="verdicts to write")
    parser.add_argument("--workers", type=int, metavar="N", help="processes that judge (default: all processors)")
    args = parser.parse_args()

    read_recipe(args.recipe, VerifyRecipe)
    rollouts = join(args.rollouts, args.prompts)
    started = time.monotonic()
    verdicts = verify_rows(
        [Row(*row) for row in rollouts.select("domain", "problem", "response_text", *AGAINST).rows()],
        workers=args.workers,
    )
    print(summary(verdicts, time.monotonic() - started), file=sys.stderr)
    facts = parquet.metadata(args.rollouts)
    parquet.write(
        args.out,
        VERDICTS,
        verdict_rows(rollouts, verdicts),
        recipe=args.recipe,
        inputs=[args.prompts, args.rollouts],
        **{key: facts[key] for key in PASSED_ON if key in facts},
    )


def join(rollouts_file: str, prompts_file: str) -> pl.DataFrame:
    """The rollouts, each with the texts of its prompt. Raises InputError for one that is empty or has no prompt."""
    rollouts = parquet.read(rollouts_file, ROLLOUTS)
    empty = rollouts.filter(pl.col("response_token_ids").list.len() == 0)
    if len(empty):
        row = empty.row(0, named=True)
        raise InputError(
            f"{rollouts_file}: prompt {row['prompt_id']!r}, sample_index {row['sample_index']} has no response tokens "
            "(at least the end-of-sequence token belongs there); run the stage `rollout` again"
        )
    prompts = parquet.read(prompts_file, PROMPTS).select("prompt_id", "domain", "problem", *AGAINST)
    joined = rollouts.join(prompts, on="prompt_id", how="left", maintain_order="left")
    unknown = joined.filter(pl.col("domain").is_null())["prompt_id"]
    if len(unknown):
        raise InputError(
            f"{rollouts_file}: prompt {unknown[0]!r} is not in {prompts_file}; "
            "give the prompts that these rollouts were sampled from"
        )
    return joined


def verdict_rows(rollouts: pl.DataFrame, verdicts: list[Verdict]) -> pl.DataFrame:
    """The columns of a verdicts file."""
    columns = {
        "correct": [verdict.correct for verdict in verdicts],
        "extracted": [verdict.excerpt for verdict in verdicts],
        "reason": [verdict.reason.value for verdict in verdicts],
    }
    schema = {"correct": pl.Boolean, "extracted": pl.String, "reason": pl.String}
    return rollouts.select("prompt_id", "sample_index").hstack(pl.DataFrame(columns, schema=schema))


def summary(verdicts: list[Verdict], seconds: float) -> str:
    """One line: how many verdicts of each reason, and how fast."""
    counts = Counter(verdict.reason.value for verdict in verdicts)
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
    return f"verify: {len(verdicts)} verdicts ({reasons}), {len(verdicts) / seconds:.0f} per second"


if __name__ == "__main__":
    cli.run(main)
