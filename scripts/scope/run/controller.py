"""One controller per folder: refuse a second one, and take up what a killed one left behind.

Snakemake's lock outlives a controller that was killed. It is released only when the run that took it can be seen to be
over: on this machine, or with its SLURM job; on a file system that several machines share, another machine's lock is
left to whoever can look there. What such a run left running ends before anything starts (scope/run/leftovers.py).
"""

import fcntl
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from scope.errors import InputError
from scope.run.leftovers import controllers
from scope.run.lock import lock_owner


def run_snakemake(folder: Path, arguments: list[str]) -> int:
    """Run Snakemake in `folder` as its only controller; returns its exit status."""
    state = folder / ".snakemake"
    state.mkdir(exist_ok=True)
    with open(state / "controller.lock", "w") as lock:
        _only_controller(folder, lock)
        snakemake = [sys.executable, "-m", "snakemake"]
        if any((state / "locks").glob("*")):
            _lock_is_ours_to_release(folder)
            print("run: releasing the lock of a run that was killed", file=sys.stderr)
            subprocess.run([*snakemake, "--unlock", *arguments], cwd=folder, check=True, stderr=subprocess.DEVNULL)
        started = time.time()
        status, interrupted = _wait(subprocess.Popen([*snakemake, *arguments], cwd=folder, close_fds=True))
        if interrupted:
            print("run: interrupted; the same command goes on from here", file=sys.stderr)
        elif status:
            print(*stage_errors(folder, started), sep="\n", file=sys.stderr)
        return status


def _lock_is_ours_to_release(folder: Path) -> None:
    """Raise InputError unless the lock's holder can be seen to be gone."""
    holder = lock_owner(folder)
    if holder and holder.is_gone():
        return
    who = f"by {holder}" if holder else "by a run that is unknown"
    where = f"on {holder.host}" if holder else "on any machine"
    raise InputError(
        f"{folder} is locked {who}. If that run is alive {where}, wait for it or stop it there; "
        "if it is gone, release the lock with `snakemake --unlock`, then start again"
    )


def _only_controller(folder: Path, lock) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        free = True
    except BlockingIOError:
        free = False
    alive = controllers(folder)
    if free and not alive:
        return
    who = f"process {alive[0].pid}" if alive else lock_owner(folder) or "starting"
    raise InputError(
        f"a run is already at work in {folder} ({who}); wait for it, or stop it with Ctrl-C"
        + (f" (where its terminal is gone: kill -INT {alive[0].pid})" if alive else "")
        + ", then start again"
    )


def stage_errors(folder: Path, since: float) -> list[str]:
    """The last `error:` line of each stage log written since a time, with the log's name."""
    logs = [log for log in (folder / "results").rglob("*.log") if log.stat().st_mtime >= since]
    told = {log: re.findall(r"^error: .*", log.read_text(errors="replace"), re.M) for log in sorted(logs)}
    return [f"{log.relative_to(folder)}: {lines[-1]}" for log, lines in told.items() if lines]


def _wait(process: subprocess.Popen) -> tuple[int, bool]:
    """The exit status, and whether Ctrl-C came; Snakemake gets the signal itself and ends its jobs."""
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    interrupted = False
    while True:
        try:
            return process.wait(), interrupted
        except KeyboardInterrupt:
            interrupted = True
