"""Changes of code that were accepted as altering no result, and what a recipe then records as its code.

A record holds for one script and one fingerprint of its code, exactly: under it the current code (`new`) counts as
that of before (`old`). Recipes name the oldest code of such a chain, so that what it made stays up to date. An edit
after that has another fingerprint, which no record names.
"""

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from scope.artifacts.atomic import atomic
from scope.artifacts.fingerprint import SCRIPTS, fingerprint
from scope.errors import InputError

FILE = SCRIPTS.parent / "workflow/accepted_code.json"


@dataclass(frozen=True)
class Acceptance:
    """One change of a script's code that was accepted as altering no result."""

    script: str
    stages: list[str]
    """The stages that run the script."""
    old: str
    """Fingerprint of the code before."""
    new: str
    modules: dict[str, list[str | None]]
    """The modules that differ: their fingerprints before and after, null where there was or is none."""
    reason: str
    time: str

    def describe(self) -> str:
        """One line for people."""
        return (
            f"{', '.join(self.stages)}: code {self.new[:12]} was accepted as equal to {self.old[:12]} on {self.time} "
            f"({', '.join(self.modules)} changed): {self.reason}"
        )


def recipe_code(script: str) -> str:
    """The fingerprint that recipes of a script name: of its code, or of the oldest code that it counts as."""
    chain = accepted_chain(script, fingerprint(script))
    return chain[-1].old if chain else fingerprint(script)


def accepted_chain(script: str, code: str) -> list[Acceptance]:
    """The records by which a code counts as an older one, the newest first; none where it counts as itself."""
    by_new = {record.new: record for record in acceptances() if record.script == script}
    chain: list[Acceptance] = []
    while code in by_new:
        chain.append(by_new.pop(code))
        code = chain[-1].old
    return chain


@cache
def acceptances() -> tuple[Acceptance, ...]:
    """All records, the oldest first. Raises InputError where the file is damaged."""
    try:
        return tuple(Acceptance(**record) for record in json.loads(FILE.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return ()
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{FILE}: not a readable list of accepted code ({error}); restore it, or delete it", "unreadable-file"
        ) from None


def accept(records: list[Acceptance]) -> Path:
    """Add records to the file; returns its path."""
    listed = [asdict(record) for record in [*acceptances(), *records]]
    with atomic(FILE) as temporary:
        temporary.write_text(json.dumps(listed, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    acceptances.cache_clear()
    return FILE
