"""What an arm starts from: the argument of its stages, and its record in their artifacts."""

from argparse import ArgumentParser, Namespace
from typing import Any

from scope.artifacts.labels import check_policy


def add_start(parser: ArgumentParser) -> None:
    """Add the argument of stages that may read the policy that an arm starts from."""
    parser.add_argument("--start", nargs=2, metavar=("ARM", "ROUND"),
                        help="another arm's round, whose policy is this arm's first")  # fmt: skip


def check_policy_before(manifest: str, args: Namespace) -> None:
    """Make sure that a policy is the one that a round starts from.

    Raises InputError for that of another place.
    """
    first = args.start and args.round == 1
    arm, round_ = (args.start[0], int(args.start[1])) if first else (args.arm, args.round - 1)
    check_policy(manifest, arm, args.seed, round_)


def place_of(args: Namespace) -> dict[str, Any]:
    """Where in the experiment a stage runs, as its artifacts record it: with `start` where the arm has one."""
    place = {"arm": args.arm, "seed": args.seed, "round": args.round}
    return {**place, "start": f"{args.start[0]}/{args.start[1]}"} if args.start else place
