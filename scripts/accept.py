"""Accept a change of code as one that alters no result of the named stages, so that they do not run again.

For refactorings and moves. The old code is taken from finished artifacts in results/. The record in
workflow/accepted_code.json belongs under version control: it holds for exactly the present code of the stages, so any
further edit makes them run again, unless that is accepted too. To take a record back, restore the file. `make why`,
`make verify-results` and the report show the records.

Examples, from the project root:
    python scripts/accept.py update --reason "The loss in smaller functions; tests/unit/method compare the values"
    python scripts/accept.py update weigh --results results/demo --reason "..."
"""

import argparse
from datetime import UTC, datetime

from scope import cli
from scope.artifacts.accepted import accept
from scope.artifacts.stages import STAGES
from scope.audit.acceptance import made_by, propose
from scope.audit.integrity import find_artifacts


def main() -> None:
    """Parse, compare code with artifacts, write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", nargs="+", choices=sorted(STAGES), metavar="STAGE", help=f"of {', '.join(STAGES)}")
    parser.add_argument("--reason", required=True, help="why no result changes; shown wherever the record is")
    parser.add_argument(
        "--results",
        action="append",
        metavar="FOLDER",
        help="whose artifacts record the old code; may be given several times (default: results)",
    )
    args = parser.parse_args()
    paths = [
        path for folder in args.results or ["results"] for group in find_artifacts(folder).values() for path in group
    ]
    time = datetime.now(UTC).isoformat(timespec="seconds")
    records, again = propose(args.stages, made_by(paths), reason=args.reason, time=time)
    file = accept(records)
    for record in records:
        print(f"accepted: {record.describe()}")
    print(*again, f"written to {file}; commit it with the change", sep="\n")


if __name__ == "__main__":
    cli.run(main)
