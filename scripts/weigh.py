"""Weigh a round: decide each rollout's token loss, weight, advantage and normaliser."""

from scope import cli
from scope.artifacts import parquet
from scope.artifacts.labels import check_files
from scope.artifacts.recipe import read_recipe
from scope.artifacts.schemas.batch import BATCH
from scope.artifacts.schemas.prompts import PROMPTS
from scope.artifacts.schemas.rollouts import ROLLOUTS
from scope.artifacts.schemas.scores import SCORES
from scope.artifacts.schemas.verdicts import VERDICTS
from scope.method.recipe import WeighRecipe


def main() -> None:
    """Parse, join, weigh, write the batch."""
    parser = cli.parser("weigh", __doc__)
    cli.add_place(parser)
    parser.add_argument("--prompts", required=True, metavar="PARQUET")
    parser.add_argument("--rollouts", required=True, nargs="+", metavar="PARQUET", help="all shards")
    parser.add_argument("--verdicts", required=True, nargs="+", metavar="PARQUET")
    parser.add_argument("--scores", nargs="*", default=[], metavar="PARQUET", help="none where no scorer is used")
    parser.add_argument("--out", required=True, metavar="PARQUET")
    args = parser.parse_args()

    from scope.method.batch import build_batch
    from scope.prompts.order import round_prompts

    check_files([*args.rollouts, *args.verdicts, *args.scores], args, shared=True)
    settings = read_recipe(args.recipe, WeighRecipe)
    objective, update = settings.objective, settings.update
    prompts = parquet.read(args.prompts, PROMPTS)
    per_round = update.steps_per_round * update.prompts_per_step
    batch = build_batch(
        parquet.read_all(args.rollouts, ROLLOUTS),
        parquet.read_all(args.verdicts, VERDICTS),
        parquet.read_all(args.scores, SCORES) if args.scores else None,
        prompts,
        round_prompts(prompts["prompt_id"].to_list(), args.seed, args.round, per_round),
        objective,
        update.prompts_per_step,
    )
    losses = {
        "kl": objective.kl,
        "opd_clip": objective.opd_clip,
        "pg_clip": objective.pg_clip,
        "kl_coefficient": objective.kl_coefficient,
    }
    inputs = [args.prompts, *args.rollouts, *args.verdicts, *args.scores]
    parquet.write(
        args.out,
        BATCH,
        batch,
        recipe=args.recipe,
        inputs=inputs,
        arm=args.arm,
        seed=args.seed,
        round=args.round,
        losses=losses,
    )


if __name__ == "__main__":
    cli.run(main)
