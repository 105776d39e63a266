"""Explain a dry run: for every job that would run, which setting, module or input changed.

Takes the arguments of `snakemake` and runs nothing. What changed is read from the artifacts themselves, which carry
the settings, the modules and the inputs that made them.

Example: python scripts/why.py --configfile config/real_smoke.yaml
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from scope import cli
from scope.run.arguments import check_configfiles

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Hand the arguments to a dry run with the explaining logger, end with its status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    _, arguments = parser.parse_known_args()
    check_configfiles(arguments, ROOT)
    path = os.pathsep.join([str(ROOT / "scripts"), str(ROOT / "workflow/plugins"), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--logger=why", *arguments]
    sys.exit(subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}).returncode)


if __name__ == "__main__":
    cli.run(main)
