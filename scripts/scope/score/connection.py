"""Where stages find the teacher's servers.

Handed over in their environment: it decides nothing of what they compute, so a recipe must not hold it.
"""

import json
import os
from dataclasses import asdict, dataclass

from scope.errors import InputError

VARIABLE = "SCOPE_TEACHER"


@dataclass(frozen=True)
class Connection:
    """How the servers of an experiment are reached; the configuration's `teacher.server` explains the numbers."""

    urls: list[str]
    """Addresses of external servers; empty where replicas write down theirs."""
    folder: str
    """Folder of the replicas' endpoint records."""
    key_file: str
    timeout_s: float
    attempts: int
    concurrency: int
    patience_s: float


def to_text(connection: Connection) -> str:
    """One line of JSON, without a secret."""
    return json.dumps(asdict(connection), sort_keys=True)


def from_environment() -> Connection:
    """The connection that the workflow hands to its stages. Raises InputError where there is none."""
    try:
        return Connection(**json.loads(os.environ[VARIABLE]))
    except (KeyError, ValueError, TypeError):
        raise InputError(
            f"{VARIABLE} does not say where the teacher's servers are. The workflow sets it; by hand: "
            'eval "$(python scripts/teacher_service.py where --configfile mine.yaml)"',
            "unset-variable",
        ) from None
