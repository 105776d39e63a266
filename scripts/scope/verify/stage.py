"""The stages `verify` and `grade`: one verdict for every rollout of training, or for every sample on a benchmark.

One command line for each domain (scripts/verify_math.py and its like) calls this with its own verifier.
"""

import sys
import time
from collections import Counter

import polars as pl

from scope import cli
from scope.artifacts import parquet
from scope.artifacts.recipe import read_recipe
from scope.artifacts.schemas.evaluation import EVALUATION
from scope.artifacts.schemas.prompts import PROMPTS
from scope.artifacts.schemas.rollouts import ROLLOUTS
from scope.artifacts.schemas.samples import SAMPLES
from scope.artifacts.schemas.verdicts import VERDICTS
from scope.errors import InputError
from scope.verify.pool import Row, verify_rows
from scope.verify.recipe import VerifyRecipe
from scope.verify.verdict import Verdict
from scope.verify.verifier import Verifier

PASSED_ON = ("arm", "policy", "seed", "round")
AGAINST = ("answer", "tests", "tolerance")
GRADES = ("sampling", "benchmark")
"""Notes of samples that are columns of graded samples."""


def verify_stage(domain: str, verifier: Verifier, description: str | None) -> None:
    """Parse, read, verify, write."""
    parser = cli.parser(f"verify_{domain}", description)
    parser.add_argument("--prompts", required=True, metavar="FILE", help="prompts, with problems and answers")
    parser.add_argument("--rollouts", required=True, metavar="FILE", help="rollouts, or samples of an evaluation")
    parser.add_argument("--out", required=True, metavar="FILE", help="verdicts, or graded samples, to write")
    parser.add_argument("--workers", type=int, metavar="N", help="processes that verify (default: all processors)")
    args = parser.parse_args()

    read_recipe(args.recipe, VerifyRecipe)
    notes = parquet.metadata(args.rollouts)
    graded = all(name in notes for name in GRADES)
    responses = with_prompts(args.rollouts, SAMPLES if graded else ROLLOUTS, args.prompts)
    started = time.monotonic()
    verdicts = verify_rows(
        [Row(*row) for row in responses.select("domain", "problem", "response_text", *AGAINST).rows()],
        verifiers={domain: verifier},
        workers=args.workers,
    )
    print(summary(verdicts, time.monotonic() - started), file=sys.stderr)
    parquet.write(
        args.out,
        EVALUATION if graded else VERDICTS,
        graded_rows(responses, verdicts, notes) if graded else verdict_rows(responses, verdicts),
        recipe=args.recipe,
        inputs=[args.prompts, args.rollouts],
        **{key: notes[key] for key in PASSED_ON if key in notes},
    )


def with_prompts(responses_file: str, schema: parquet.Schema, prompts_file: str) -> pl.DataFrame:
    """The responses, each with the texts of its prompt. Raises InputError for one that is empty or has no prompt."""
    responses = parquet.read(responses_file, schema)
    tokens = pl.col("response_token_ids").list.len() if schema is ROLLOUTS else pl.col("tokens")
    empty = responses.filter(tokens == 0)
    if len(empty):
        row = empty.row(0, named=True)
        raise InputError(
            f"{responses_file}: prompt {row['prompt_id']!r}, sample_index {row['sample_index']} has no response tokens "
            "(at least the end-of-sequence token belongs there); run the stage "
            f"`{'rollout' if schema is ROLLOUTS else 'evaluate'}` again",
            "empty-response",
        )
    prompts = parquet.read(prompts_file, PROMPTS).select("prompt_id", "domain", "problem", *AGAINST)
    joined = responses.join(prompts, on="prompt_id", how="left", maintain_order="left")
    unknown = joined.filter(pl.col("domain").is_null())["prompt_id"]
    if len(unknown):
        raise InputError(
            f"{responses_file}: prompt {unknown[0]!r} is not in {prompts_file}; "
            "give the prompts that these responses were sampled from",
            "unmatched-rows",
        )
    return joined


def verdict_rows(responses: pl.DataFrame, verdicts: list[Verdict]) -> pl.DataFrame:
    """The columns of a verdicts file."""
    columns = {
        "correct": [verdict.correct for verdict in verdicts],
        "extracted": [verdict.excerpt for verdict in verdicts],
        "reason": [verdict.reason.value for verdict in verdicts],
    }
    schema = {"correct": pl.Boolean, "extracted": pl.String, "reason": pl.String}
    return responses.select("prompt_id", "sample_index").hstack(pl.DataFrame(columns, schema=schema))


def graded_rows(samples: pl.DataFrame, verdicts: list[Verdict], notes: dict[str, str]) -> pl.DataFrame:
    """The columns of an evaluation file: verdicts with what is known of each sample but its text."""
    place = [pl.lit(notes[name]).alias(name) for name in GRADES]
    return verdict_rows(samples, verdicts).hstack(samples.select("tokens", "finish_reason")).with_columns(place)


def summary(verdicts: list[Verdict], seconds: float) -> str:
    """One line: how many verdicts of each reason, and how fast."""
    counts = Counter(verdict.reason.value for verdict in verdicts)
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
    return f"verify: {len(verdicts)} verdicts ({reasons}), {len(verdicts) / seconds:.0f} per second"
