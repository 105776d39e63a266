"""The key of the teacher's servers: from the environment, else from a file that its owner alone can read."""

import os
import secrets
from pathlib import Path

from scope.errors import InputError

KEY_VARIABLE = "SCOPE_TEACHER_API_KEY"


def read_key(path: str | Path) -> str | None:
    """The key; None where neither the variable nor the file is there.

    Raises InputError where the file is empty, or others than its owner may read or write it.
    """
    if os.environ.get(KEY_VARIABLE):
        return os.environ[KEY_VARIABLE]
    path = Path(path)
    if not path.exists():
        return None
    if path.stat().st_mode & 0o077:
        raise InputError(
            f"{path}: others can read this key: chmod 600 {path}; if somebody may have read it, give the "
            "servers another one",
            "exposed-key",
        )
    key = path.read_text(encoding="utf-8").strip()
    if not key:
        raise InputError(f"{path}: holds no key; remove it, then start the servers again", "empty-key")
    return key


def need_key(path: str | Path) -> str:
    """The key. Raises InputError where there is none."""
    key = read_key(path)
    if key is None:
        raise InputError(
            f"no API key of the teacher's servers: {KEY_VARIABLE} is not set and {path} not found; "
            "`python scripts/teacher_service.py start` makes the file; for servers of your own (backend: "
            "external), write their key into it and chmod 600",
            "no-key",
        )
    return key


def make_key(path: str | Path) -> None:
    """Write a new random key, unless there is one."""
    if read_key(path) is not None:
        return
    path = Path(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
