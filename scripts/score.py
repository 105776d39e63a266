"""Score rollouts: the scorer's log-probability of each response token, only where the objective uses it."""

import polars as pl

from scope import cli
from scope.artifacts import parquet
from scope.artifacts.labels import check_files
from scope.artifacts.partial import partial_output
from scope.artifacts.recipe import read_recipe
from scope.artifacts.schemas.prompts import PROMPTS
from scope.artifacts.schemas.rollouts import ROLLOUTS
from scope.artifacts.schemas.scores import SCORES
from scope.artifacts.schemas.verdicts import VERDICTS
from scope.artifacts.start import add_start, place_of
from scope.errors import InputError
from scope.score.recipe import ScoreRecipe


def main() -> None:
    """Parse, choose, score, write; rollouts that are not scored keep null."""
    parser = cli.parser("score", __doc__)
    cli.add_place(parser)
    add_start(parser)
    parser.add_argument("--prompts", required=True, metavar="PARQUET")
    parser.add_argument("--rollouts", required=True, metavar="PARQUET")
    parser.add_argument("--verdicts", required=True, metavar="PARQUET")
    parser.add_argument("--scorer", required=True, metavar="MANIFEST", help="teacher, or reference policy")
    parser.add_argument("--out", required=True, metavar="PARQUET")
    args = parser.parse_args()

    from scope.score.rows import score_rollouts

    check_files([args.rollouts, args.verdicts], args)
    settings = read_recipe(args.recipe, ScoreRecipe)
    scorer = settings.scorer
    if scorer is None:
        raise InputError(
            "the recipe has no scorer: this method needs no scores; continue with the stage `weigh`", "no-scorer"
        )
    rows = parquet.read(args.rollouts, ROLLOUTS)
    verdicts = parquet.read(args.verdicts, VERDICTS).select("prompt_id", "sample_index", "correct")
    prompts = parquet.read(args.prompts, PROMPTS).select("prompt_id", "prompt_token_ids")
    rows = rows.join(verdicts, on=["prompt_id", "sample_index"], how="left", maintain_order="left")
    rows = rows.join(prompts, on="prompt_id", how="left", maintain_order="left")
    wanted = pl.lit(True) if scorer.scored == "all" else ~pl.col("correct")
    inputs = [args.prompts, args.rollouts, args.verdicts, args.scorer]
    place = place_of(args)
    with partial_output(args.out, args.recipe, inputs, **place) as work:
        scores = score_rollouts(
            rows, wanted, scorer.teacher, args.scorer, work, dtype=settings.models.dtype, temperature=scorer.temperature
        )
        parquet.write(
            args.out,
            SCORES,
            scores,
            recipe=args.recipe,
            inputs=inputs,
            **place,
            scorer=scorer.model,
            scored=scorer.scored,
            logprob_temperature=scorer.temperature,
        )


if __name__ == "__main__":
    cli.run(main)
