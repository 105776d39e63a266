"""Look at the node that this runs on, for check_cluster.py, which submits it: nobody else needs it.

Measures the shared folder, the GPUs, the Python environment, the model folders and the sandbox, and writes what it
found into the folder that holds its questions.
"""

import argparse
from pathlib import Path

from scope import cli
from scope.cluster.check.probe import look_around


def main() -> None:
    """Parse, look, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with ask.json; gets found.json")
    look_around(parser.parse_args().folder)


if __name__ == "__main__":
    cli.run(main)
