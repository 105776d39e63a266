"""Print the recipe of a stage, for running its command line by hand.

Example: python scripts/recipe.py weigh --config config/real_smoke.yaml
"""

import argparse

from scope import cli
from scope.artifacts.stages import WITH_RECIPE
from scope.config.experiment import VARIANTS, arm_config, parse_config, read_config, with_grid
from scope.errors import InputError
from scope.planning.recipes import execution, recipe


def main() -> None:
    """Read the configuration, print one recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=sorted(WITH_RECIPE))
    parser.add_argument(
        "--config",
        nargs="+",
        default=["config/config.yaml"],
        metavar="YAML",
        help="laid over config/variants.yaml (default: the demo)",
    )
    parser.add_argument("--arm", help="name of a variant; needed where the configuration runs several arms")
    parser.add_argument("--model", default="student", choices=["student", "teacher"], help="for the stage `model`")
    parser.add_argument("--benchmark", default="coins", help="for the stages of one benchmark")
    parser.add_argument("--execution", action="store_true", help="print the argument --execution of `update` instead")
    args = parser.parse_args()
    raw = with_grid(read_config(VARIANTS, *args.config))
    arms = parse_config(raw).arms
    if not args.arm and len(arms) > 1:
        raise InputError(f"the configuration runs {', '.join(arms)}: name one with --arm", "missing-argument")
    config = arm_config(raw, args.arm or arms[0])
    names = {"model": args.model, "benchmark": args.benchmark}
    print(execution(config) if args.execution else recipe(config, args.stage, **names))


if __name__ == "__main__":
    cli.run(main)
