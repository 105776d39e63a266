"""Download the datasets of the hub that a configuration names, each at its pinned revision, into the local cache.

Example: python scripts/fetch.py --configfile mine.yaml
Only Parquet and JSON-lines files are taken, never code. HF_HOME moves the cache; HF_TOKEN opens gated datasets.
"""

import argparse
import os

from scope import cli
from scope.config.experiment import open_config
from scope.prompts.hub import fetch


def main() -> None:
    """Parse, fetch one dataset after the other, say where the files lie."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configfile", nargs="+", required=True, metavar="YAML", help="as given to snakemake")
    data = open_config(*parser.parse_args().configfile).data
    sets = {"train": data.train, **data.benchmarks}
    named = {name: rows.hub for name, rows in sets.items() if rows and rows.hub}
    for name, hub in named.items():
        for file in fetch(hub):
            print(f"{name}: {file}")
    if not named:
        print("nothing to fetch: no `hub` under data.train or data.benchmarks")


if __name__ == "__main__":
    # What fetches is not offline by default, unlike every stage.
    os.environ.setdefault("HF_HUB_OFFLINE", "0")
    cli.run(main)
