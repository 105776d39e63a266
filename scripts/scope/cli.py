"""What every command line shares: help that teaches, one-line errors, one thread, no surprises from outside."""

import argparse
import errno
import os
import shutil
import sys
from collections.abc import Callable

from scope.artifacts.names import SHARED
from scope.artifacts.recipe import check_recipe
from scope.artifacts.recipe_argument import read_recipe_argument
from scope.errors import InputError

# One thread per process: two busy pools on one machine were ten times slower than one.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
SPARE = 1_000_000  # bytes; libraries have errors of their own for a disk with less


class StageParser(argparse.ArgumentParser):
    """The parser of a stage: a recipe of another script, or of other code, is bad input."""

    script: str

    def parse_args(self, *arguments, **options):
        """Parse, then check the recipe."""
        args = super().parse_args(*arguments, **options)
        args.recipe = read_recipe_argument(args.recipe)
        check_recipe(args.recipe, self.script)
        return args


def parser(stage: str, description: str | None) -> StageParser:
    """An argument parser for one stage, with its `--recipe`."""
    made = StageParser(
        description=description,
        epilog=f"`python scripts/recipe.py {stage}` prints the recipe that a configuration gives. Exit status: 0 done, "
        "2 bad input (the message explains what to write instead), 1 anything else.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.script = f"{stage}.py"
    made.add_argument(
        "--recipe",
        required=True,
        metavar="FILE",
        help="settings and code fingerprint of the stage: a file, or its text",
    )
    return made


def add_place(parser: argparse.ArgumentParser) -> None:
    """Where in the experiment a stage of a round runs: --arm, --seed, --round."""
    parser.add_argument(
        "--arm",
        required=True,
        type=lambda folder: folder.split("/")[0],
        help=f"name of the arm, or the folder {SHARED}/...; only a label",
    )
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--round", required=True, type=int, help="round, from 1")


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """The words before `--` and those after it."""
    cut = words.index("--") if "--" in words else len(words)
    return words[:cut], words[cut + 1 :]


def run(main: Callable[[], None]) -> None:
    """Run a command line: bad input prints its message alone (status 2); so do a full disk (1) and Ctrl-C (130)."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        main()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or shutil.disk_usage(".").free < SPARE:
            print(f"error: no space left on the disk ({error}); free some, then start the run again", file=sys.stderr)
            sys.exit(1)
        raise
