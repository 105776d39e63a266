"""Run the workflow as the only controller of this folder; every argument goes to Snakemake.

Unlike plain `snakemake`, it takes up a run whose controller was killed: it ends jobs left behind and releases
the lock, once it has made sure that no live process holds it.

Example: python scripts/run.py --cores 2 --configfile config/real_smoke.yaml
"""

import argparse
import sys
from pathlib import Path

from scope import cli
from scope.run.arguments import check_profile
from scope.run.controller import run_snakemake


def main() -> None:
    """Hand the arguments on, end with Snakemake's status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    _, arguments = parser.parse_known_args()
    check_profile(arguments)
    sys.exit(run_snakemake(Path(__file__).resolve().parent.parent, arguments))


if __name__ == "__main__":
    cli.run(main)
