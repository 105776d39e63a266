"""Inspect the node that this runs on; only check_cluster.py submits it.

Checks the shared folder, the GPUs, the Python environment, the model folders and the sandbox, and writes what it found
into the folder that holds its questions.
"""

import argparse
from pathlib import Path

from scope import cli
from scope.cluster.check.probe import inspect_node


def main() -> None:
    """Parse, inspect, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with ask.json; gets found.json")
    inspect_node(parser.parse_args().folder)


if __name__ == "__main__":
    cli.run(main)
