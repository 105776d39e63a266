"""Print the recipe of a stage, for running its command line by hand.

Example: python scripts/recipe.py weigh --config config/config.yaml config/variants.yaml --arm scope
"""

import argparse

from scope import cli
from scope.config import arm_config, read_config
from scope.stages import STAGE_KEYS, recipe


def main() -> None:
    """Read the configuration, print one recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=sorted(STAGE_KEYS))
    parser.add_argument("--config", nargs="+", default=["config/config.yaml", "config/variants.yaml"], metavar="YAML")
    parser.add_argument("--arm", default="scope", help="name of a variant")
    parser.add_argument("--model", default="student", choices=["student", "teacher"], help="for the stage `model`")
    parser.add_argument("--benchmark", default="coins", help="for the stage `problems`")
    args = parser.parse_args()
    config = arm_config(read_config(*args.config), args.arm)
    print(recipe(config, args.stage, model=args.model, benchmark=args.benchmark))


if __name__ == "__main__":
    cli.run(main)
