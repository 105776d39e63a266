"""Update the policy: the optimizer steps of one round on its batch, with DeepSpeed.

Run it plainly: with update.ranks above 1 it starts torchrun itself.
"""

import os

from scope import cli
from scope.artifacts.recipe import read_recipe
from scope.artifacts.start import add_start
from scope.update import launch
from scope.update.execution import read_execution
from scope.update.recipe import UpdateRecipe


def main() -> None:
    """Parse, load, step, save; rank 0 writes."""
    parser = cli.parser("update", __doc__)
    cli.add_place(parser)
    add_start(parser)
    parser.add_argument("--batch", required=True, metavar="PARQUET")
    parser.add_argument("--policy", required=True, metavar="MANIFEST", help="policy of the round before")
    parser.add_argument("--base", nargs="?", metavar="MANIFEST", help="policy before round 1, for update.lora")
    parser.add_argument(
        "--state", nargs="?", metavar="MANIFEST", help="optimizer state of the round before; none in round 1"
    )
    parser.add_argument(
        "--execution", required=True, metavar="JSON", help="keys of `update` that change time and memory alone"
    )
    parser.add_argument("--teacher", nargs="?", metavar="MANIFEST", help="teacher, for the exact KL")
    parser.add_argument(
        "--repeats",
        nargs="?",
        metavar="MANIFEST",
        help="policy that was deleted: the log reports whether this one is the same, bit by bit",
    )
    parser.add_argument("--out-policy", required=True, metavar="MANIFEST")
    parser.add_argument("--out-state", required=True, metavar="MANIFEST")
    parser.add_argument("--out-metrics", required=True, metavar="PARQUET")
    parser.add_argument("--out-costs", nargs="?", metavar="PARQUET", help="time and memory of steps; none: not kept")
    parser.add_argument("--out-live", required=True, metavar="JSONL", help="metrics and costs, written step by step")
    args = parser.parse_args()
    if args.repeats:
        os.environ["WANDB_MODE"] = "disabled"  # its steps were tracked when they were made first

    settings = read_recipe(args.recipe, UpdateRecipe)
    execution = read_execution(args.execution)
    launch.relaunch(execution.ranks)
    launch.join_ranks(execution.ranks)

    from scope.update.round import make_trainer, run_and_log, save, unfinished

    work = unfinished(args)
    trainer = make_trainer(args, settings, execution)
    rows = run_and_log(trainer, args, settings, work)
    save(trainer, args, rows, work)
    launch.leave_ranks()


if __name__ == "__main__":
    cli.run(main)
