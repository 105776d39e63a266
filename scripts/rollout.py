"""Sample rollouts: n samples for each of a shard's prompts, with token ids and log-probabilities."""

from scope import cli
from scope.artifacts import parquet
from scope.artifacts.folder import open_folder
from scope.artifacts.partial import partial_output
from scope.artifacts.recipe import read_recipe
from scope.artifacts.schemas.prompts import PROMPTS
from scope.artifacts.schemas.rollouts import ROLLOUTS
from scope.artifacts.start import add_start, check_policy_before, place_of
from scope.rollout.recipe import RolloutRecipe


def main() -> None:
    """Parse, sample, write."""
    parser = cli.parser("rollout", __doc__)
    cli.add_place(parser)
    add_start(parser)
    parser.add_argument("--prompts", required=True, metavar="PARQUET")
    parser.add_argument("--policy", required=True, metavar="MANIFEST", help="behaviour policy")
    parser.add_argument("--student", nargs="?", metavar="MANIFEST", help="who learns from rollouts of the teacher (KD)")
    parser.add_argument("--shard", type=int, default=0, help="which of rollout.shards, from 0")
    parser.add_argument("--out", required=True, metavar="PARQUET")
    args = parser.parse_args()

    from scope.rollout.engine import Sampling
    from scope.rollout.shard import sample_groups, shard_prompts

    check_policy_before(args.policy, args)
    settings = read_recipe(args.recipe, RolloutRecipe)
    at = settings.rollout.temperature
    prompts = shard_prompts(parquet.read(args.prompts, PROMPTS), settings, args.seed, args.round, args.shard)
    static = settings.behaviour == "teacher"
    inputs = [path for path in (args.prompts, args.policy, args.student) if path]
    place = place_of(args)
    with partial_output(args.out, args.recipe, inputs, **place, shard=args.shard) as work:
        rows = []  # of a shard without prompts, where a round has fewer than shards
        if len(prompts):
            rows = sample_groups(
                open_policy(args.policy, settings),
                prompts,
                Sampling(at, settings.rollout.max_tokens),
                work,
                n=settings.rollout.n,
                seed=args.seed,
                round_=0 if static else args.round,
                tokens=tokens_of(args.student) if args.student else None,
            )
        parquet.write(
            args.out,
            ROLLOUTS,
            rows,
            recipe=args.recipe,
            inputs=inputs,
            **place,
            temperature=at,
            logprob_temperature=settings.student_temperature,
        )


def tokens_of(manifest: str):
    """The ids that a student can learn from."""
    from scope.models.load import load_tokenizer
    from scope.models.token_ids import token_ids

    return token_ids(load_tokenizer(open_folder(manifest)))


def open_policy(manifest: str, settings: RolloutRecipe):
    """The engine on the behaviour policy, with a context for the longest prompt and response."""
    from scope.rollout.open import open_engine

    return open_engine(
        settings.rollout.engine,
        open_folder(manifest),
        dtype=settings.models.dtype,
        max_model_len=settings.data.max_prompt_tokens + settings.rollout.max_tokens,
        tempered=settings.student_temperature != 1.0,
    )


if __name__ == "__main__":
    cli.run(main)
