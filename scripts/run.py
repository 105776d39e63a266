"""Run the workflow as the only controller of this folder; every argument goes to Snakemake.

Unlike plain `snakemake`, it resumes a run whose controller was killed: it ends leftover processes and jobs and releases
the lock, after checking that no live process holds it.

Example: python scripts/run.py --cores 2 --configfile config/real_smoke.yaml
"""

import argparse
import sys
from pathlib import Path

from scope import cli
from scope.run.arguments import check_configfiles, check_profile
from scope.run.controller import run_snakemake


def main() -> None:
    """Pass the arguments on, exit with Snakemake's status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    _, arguments = parser.parse_known_args()
    root = Path(__file__).resolve().parent.parent
    check_profile(arguments)
    check_configfiles(arguments, root)
    sys.exit(run_snakemake(root, arguments))


if __name__ == "__main__":
    cli.run(main)
