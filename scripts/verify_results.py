"""Verify every artifact in results/ against its recorded inputs, and list each file that does not match.

Every Parquet file, model folder and report records the digests of its inputs. This command reads every artifact,
compares every recorded digest with the file as it is now, and checks that an artifact is in the folder of its arm, seed
and round. Files that retention deleted count as retired. Files that were modified, mixed up or lost are
listed, one per line, with what to do about it. What the report does not use any more, such as the arms of an earlier
configuration, is named with the command that removes it, and is no problem. Nor are the user's own files outside of
results/ that were moved: a dry run with their new path records where they are.

Examples, from the project root:
    python scripts/verify_results.py
    python scripts/verify_results.py results/demo/scope results/demo/shared
    python scripts/verify_results.py --lineage results/demo/scope/seed0/round6/evaluate/coins/T1/0.parquet
"""

import argparse
import sys
from collections import Counter, defaultdict
from functools import cache
from io import TextIOWrapper
from typing import cast

from tqdm import tqdm

from scope import cli
from scope.artifacts.provenance import digest_of
from scope.audit.acceptance import in_force
from scope.audit.integrity import Audit, find_artifacts
from scope.audit.lineage import tree

PATHS = """an experiment's folder, or anything below one; only artifacts there are verified, and their inputs wherever
they lie (default: results)"""
LINEAGE = """print instead what this artifact was made from, a line a file: path, digest, script, fingerprint of the
code and digest of the recipe; then its own settings"""


def main() -> None:
    """Parse; print problems and numbers, or the tree of one artifact."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="Exit status: 0 all as recorded, 1 problems, 2 bad input (no such folder, or one without artifacts).",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="*", default=["results"], metavar="PATH", help=PATHS)
    parser.add_argument("--lineage", metavar="FILE", help=LINEAGE)
    args = parser.parse_args()
    # A damaged record may name what no terminal can show
    cast(TextIOWrapper, sys.stdout).reconfigure(errors="backslashreplace")
    if args.lineage:
        print(*tree(args.lineage), sep="\n")
        return
    sys.exit(report(audit(args.paths)))


def audit(paths: list[str]) -> list[Audit]:
    """Audit every path, with a progress bar; a file is hashed once however many artifacts record it."""
    found = {folder: artifacts for path in paths for folder, artifacts in find_artifacts(path).items()}
    digest = cache(digest_of)
    audits = []
    for folder, artifacts in found.items():
        audits.append(Audit(folder, digest))
        for path in tqdm(artifacts, folder, unit="file", mininterval=1.0, disable=None, leave=False):
            audits[-1].check(path)
    return audits


def report(audits: list[Audit]) -> int:
    """Print problems, notes on reports, leftovers and own files, and numbers; returns the exit status."""
    problems = sorted({problem for audited in audits for problem in audited.problems()})
    unbound = sorted({path for audited in audits for path in audited.unbound})
    notes = [
        f"{path}: records no inputs; it is from a version that did not record them, make it again" for path in unbound
    ]
    notes += sorted({line for audited in audits for line in audited.leftovers()})
    print(*problems, *notes, *missing(audits), *accepted(audits), *map(summary, audits), sep="\n")
    return 1 if problems else 0


def missing(audits: list[Audit]) -> list[str]:
    """A line for every file of the user that was not found, and so not compared with what artifacts record."""
    makers: dict[str, set[str]] = defaultdict(set)
    for audited in audits:
        for file, recorded_by in audited.missing.items():
            makers[file].update(recorded_by)
    return [
        f"{file}: not found, so not compared; {_count(len(found), 'artifact')} made from it. "
        "If it was moved, a dry run with its new path finds it"
        for file, found in sorted(makers.items())
    ]


def accepted(audits: list[Audit]) -> list[str]:
    """A line for every accepted change of code: those that artifacts were made by, and those that hold now."""
    made: Counter[str] = Counter()
    for audited in audits:
        made.update(audited.accepted)
    lines = [f"accepted: {record}; {_count(count, 'artifact')} made by this code" for record, count in made.items()]
    return lines + [line for line in in_force() if line.removeprefix("accepted: ") not in made]


def summary(audited: Audit) -> str:
    """One line of numbers."""
    retired, problems = len(audited.retired), len(audited.problems())
    numbers = (
        f"{_count(audited.artifacts, 'artifact')}, {_count(audited.links, 'link')}, {_count(retired, 'retired file')}"
    )
    return f"{audited.folder}: {numbers}: {_count(problems, 'problem') if problems else 'all as recorded'}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


if __name__ == "__main__":
    cli.run(main)
