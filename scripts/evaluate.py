"""Evaluate one policy on one benchmark."""

from scope import artifacts, cli, folders, places
from scope.provenance import read_recipe
from scope.unfinished import kept_beside


def main() -> None:
    """Parse, sample, grade, write."""
    parser = cli.parser("evaluate", __doc__)
    parser.add_argument("--problems", required=True, metavar="PARQUET")
    parser.add_argument("--benchmark", required=True)
    parser.add_argument("--policy", required=True, metavar="MANIFEST")
    parser.add_argument("--label", required=True, help="`base`, `teacher`, or the name of an arm")
    parser.add_argument("--seed", type=int, help="of the arm; none for base and teacher")
    parser.add_argument("--round", type=int, help="of the policy; none for base and teacher")
    parser.add_argument("--out", required=True, metavar="PARQUET")
    args = parser.parse_args()

    from scope.engines import open_engine
    from scope.evaluation import grade

    places.check_policy(args.policy, args.label, args.seed, args.round)
    settings = read_recipe(args.recipe)
    engine = open_engine(
        settings.evaluation.engine,
        folders.open_folder(args.policy),
        dtype=settings.models.dtype,
        max_model_len=settings.data.max_prompt_tokens + settings.evaluation.max_tokens,
    )
    problems, inputs = artifacts.read(args.problems, "prompts"), [args.problems, args.policy]
    with kept_beside(args.out, args.recipe, inputs, benchmark=args.benchmark) as work:
        rows = grade(engine, problems, args.benchmark, settings.evaluation, work)
        artifacts.write(
            args.out, "evaluation", rows, recipe=args.recipe, inputs=inputs, policy=args.label, seed=args.seed,
            round=args.round)  # fmt: skip


if __name__ == "__main__":
    cli.run(main)
