"""Sample one policy on a benchmark, or on a shard of it; the verdicts on the samples are a stage of their own."""

from scope import cli
from scope.artifacts import parquet
from scope.artifacts.folder import open_folder
from scope.artifacts.labels import check_policy
from scope.artifacts.partial import partial_output
from scope.artifacts.recipe import named, read_recipe
from scope.artifacts.schemas.prompts import PROMPTS
from scope.artifacts.schemas.samples import SAMPLES
from scope.errors import InputError
from scope.evaluate.recipe import EvaluateRecipe


def main() -> None:
    """Parse, sample, write."""
    parser = cli.parser("evaluate", __doc__)
    parser.add_argument("--problems", required=True, metavar="PARQUET")
    parser.add_argument("--benchmark", required=True)
    parser.add_argument("--sampling", required=True, help="name of one of evaluation.sampling")
    parser.add_argument("--policy", required=True, metavar="MANIFEST")
    parser.add_argument("--shard", type=int, default=0, help="of evaluation.shards, from 0 (default)")
    parser.add_argument("--label", required=True, help="`base`, `teacher`, or the name of an arm")
    parser.add_argument("--seed", type=int, help="of the arm; none for base and teacher")
    parser.add_argument("--round", type=int, help="of the policy; none for base and teacher")
    parser.add_argument("--out", required=True, metavar="PARQUET")
    args = parser.parse_args()

    from scope.evaluate.sample import sample_problems

    settings = read_recipe(args.recipe, EvaluateRecipe)
    if args.shard >= settings.evaluation.shards:
        shards = f"evaluation.shards is {settings.evaluation.shards}"
        raise InputError(f"--shard {args.shard}: {shards}, so the last one has a lower number", "no-such-shard")
    sampling = named(settings.evaluation.sampling, args.sampling, "evaluation.sampling")
    check_policy(args.policy, args.label, args.seed, args.round)
    problems, inputs = parquet.read(args.problems, PROMPTS), [args.problems, args.policy]
    part = problems.gather_every(settings.evaluation.shards, args.shard)
    place = {"benchmark": args.benchmark, "sampling": args.sampling}
    with partial_output(args.out, args.recipe, inputs, **place, shard=args.shard) as work:
        rows = []  # of a shard without problems, where a benchmark has fewer than shards
        if len(part):
            engine = open_policy(args.policy, settings)
            rows = sample_problems(engine, part, args.benchmark, args.sampling, sampling, settings.evaluation, work)
        labels = {"policy": args.label, "seed": args.seed, "round": args.round}
        parquet.write(args.out, SAMPLES, rows, recipe=args.recipe, inputs=inputs, **place, **labels)


def open_policy(manifest: str, settings: EvaluateRecipe):
    """The engine on a policy, with a context for the longest prompt and response."""
    from scope.rollout.open import open_engine

    length = settings.data.max_prompt_tokens + settings.evaluation.max_tokens
    folder = open_folder(manifest)
    return open_engine(settings.evaluation.engine, folder, dtype=settings.models.dtype, max_model_len=length)


if __name__ == "__main__":
    cli.run(main)
