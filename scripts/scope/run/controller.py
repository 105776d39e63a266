"""One controller per folder: refuse a second one, and resume the run of one that was killed.

Snakemake's lock outlives a controller that was killed. It is released only when the run that took it has certainly
ended: its process on this machine, or its SLURM job. The lock of another machine has to be released there. Leftover
processes and jobs of a killed run end before anything starts (scope/run/leftovers.py).
"""

import errno
import fcntl
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from scope.artifacts.names import RESULTS
from scope.errors import InputError
from scope.run.arguments import executor
from scope.run.child import INTERRUPTED, TERMINATED, run_child
from scope.run.leftovers import controllers
from scope.run.lock import lock_owner

ALLOCATION = "SCOPE_ALLOCATION"
NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}


def run_snakemake(folder: Path, arguments: list[str]) -> int:
    """Run Snakemake in `folder` as its only controller; returns its exit status."""
    state = folder / ".snakemake"
    state.mkdir(exist_ok=True)
    with open(state / "controller.lock", "w", encoding="utf-8") as lock:
        _only_controller(folder, lock)
        snakemake = [sys.executable, "-m", "snakemake"]
        if any((state / "locks").glob("*")):
            _check_lock_owner_is_gone(folder)
            print("run: releasing the lock of a run that was killed", file=sys.stderr)
            subprocess.run([*snakemake, "--unlock", *arguments], cwd=folder, check=True, stderr=subprocess.DEVNULL)
        started = time.time()
        status = run_child([*snakemake, *arguments], folder, drains=drains(arguments))
        if status not in (0, INTERRUPTED, TERMINATED):
            print(*stage_errors(folder, started), sep="\n", file=sys.stderr)
        return status


def drains(arguments: list[str]) -> bool:
    """Whether running jobs are Snakemake's to end: jobs of a cluster, and steps in an allocation, which ends them."""
    return ALLOCATION in os.environ or executor(arguments) not in (None, "local")


def _check_lock_owner_is_gone(folder: Path) -> None:
    """Raise InputError unless the lock's owner has certainly ended."""
    owner = lock_owner(folder)
    if owner and owner.is_gone():
        return
    who = f"by {owner}" if owner else "by an unknown run"
    where = f"on {owner.host}" if owner else "on any machine"
    raise InputError(
        f"{folder} is locked {who}. If that run is still active {where}, wait for it or stop it there; "
        "if it has ended, release the lock with `snakemake --unlock`, then start again",
        "locked-folder",
    )


def _only_controller(folder: Path, lock) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        free = True
    except BlockingIOError:
        free = False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        free = True
        print(
            "run: this file system has no file locks; of two runs started in one folder at the same moment, neither "
            "sees the other",
            file=sys.stderr,
        )
    alive = controllers(folder)
    if free and not alive:
        return
    who = f"process {alive[0].pid}" if alive else lock_owner(folder) or "starting"
    raise InputError(
        f"a run is already active in {folder} ({who}); wait for it, or stop it with Ctrl-C"
        + (f" (without its terminal: kill -INT {alive[0].pid})" if alive else "")
        + ", then start again",
        "active-run",
    )


def stage_errors(folder: Path, since: float) -> list[str]:
    """The last `error:` line of each stage log written since a time, with the log's name."""
    errors = {log: _errors_in(log, since) for log in sorted((folder / RESULTS).rglob("*.log"))}
    return [f"{log.relative_to(folder)}: {lines[-1]}" for log, lines in errors.items() if lines]


def _errors_in(log: Path, since: float) -> list[str]:
    """Its `error:` lines; none where it is older, no file, or another user's that cannot be read."""
    try:
        new = log.is_file() and log.stat().st_mtime >= since
        return re.findall(r"^error: .*", log.read_text(errors="replace", encoding="utf-8"), re.M) if new else []
    except OSError:
        return []
