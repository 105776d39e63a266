"""Endpoint records: one file for each replica of the teacher, which the replica renews as long as it scores.

A replica writes its record after scoring a real request, with the time at which it expires, and removes it at its end.
An expired record belongs to a replica that hangs or was killed. Clocks of nodes may differ by a few seconds at most.
"""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from scope.artifacts.atomic import atomic
from scope.errors import InputError


@dataclass(frozen=True)
class Record:
    """One replica. Times are seconds since the epoch."""

    url: str
    model: str
    """Name under which it serves."""
    manifest: str
    """Digest of the manifest of the model that it serves."""
    host: str
    process: int
    job: str | None
    """SLURM job; None for a replica that was started by hand."""
    ends: float | None
    """End of its job's walltime."""
    beat: float
    """When it scored last."""
    expires: float
    """Until when the record holds."""

    @property
    def is_fresh(self) -> bool:
        """Whether it holds."""
        return time.time() < self.expires


def path_of(folder: str | Path, record: Record) -> Path:
    """Where a record lies."""
    return Path(folder) / f"{record.host}-{record.process}.json"


def write_record(folder: str | Path, record: Record) -> None:
    """Write a record, or renew it."""
    with atomic(path_of(folder, record)) as temporary:
        temporary.write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")


def read_records(folder: str | Path) -> list[Record]:
    """All records of a folder, those that are out of date too. Raises InputError at a file that is none."""
    found = []
    for path in sorted(Path(folder).glob("*.json")):
        try:
            found.append(Record(**json.loads(path.read_text(encoding="utf-8"))))
        except OSError:
            continue
        except (ValueError, TypeError):
            raise InputError(f"{path}: not a valid endpoint record; remove it", "unreadable-file") from None
    return found


def sweep(folder: str | Path) -> None:
    """Remove the records of replicas that ended without doing so themselves."""
    for record in read_records(folder):
        if not record.is_fresh:
            path_of(folder, record).unlink(missing_ok=True)


def live_urls(folder: str | Path, manifest: str | Path, digest: str) -> list[str]:
    """Addresses of the replicas that score. Raises InputError where one serves another model than `manifest`'s."""
    fresh = [record for record in read_records(folder) if record.is_fresh]
    for record in fresh:
        if record.manifest != digest:
            raise InputError(
                f"{path_of(folder, record)}: this replica serves the model of a manifest with digest "
                f"{record.manifest[:12]}, but {manifest} has {digest[:12]}; stop the service and start it again",
                "other-model",
            )
    return [record.url for record in fresh]
