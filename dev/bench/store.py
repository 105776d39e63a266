"""Finished measurements, kept line by line, so that a run that was stopped resumes."""

import json
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Store:
    """A file of JSON lines: `key` of the measurement and its figures."""

    def __init__(self, path: Path, *, fresh: bool):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if fresh:
            path.unlink(missing_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        self.known = {row["key"]: row for row in map(json.loads, lines)}

    def get(self, key: str) -> dict[str, Any] | None:
        """A finished measurement."""
        return self.known.get(key)

    def add(self, key: str, figures: dict[str, Any]) -> dict[str, Any]:
        """Keep a finished one."""
        row = {"key": key, **figures}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        self.known[key] = row
        return row


def key_of(spec: dict[str, Any], repeat: str, code: str) -> str:
    """A name for each measurement: the work, its number in the turns, and the code that was measured."""
    return json.dumps([spec, repeat, code], sort_keys=True)


def measured_code() -> str:
    """The commit of the last change below scripts/, and whether there are changes since."""
    git = lambda *words: subprocess.check_output(["git", *words], cwd=ROOT, encoding="utf-8").strip()  # noqa: E731
    commit = git("log", "-1", "--format=%h", "--", "scripts")
    return commit + (" with changes" if git("status", "--porcelain", "--", "scripts") else "")
