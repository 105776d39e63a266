"""One controller per folder: refuse a second one, and clear away what a killed one left behind.

Snakemake's lock outlives a controller that was killed, and so do the jobs it had started. A lock is released
only when the run that took it was one of this machine and none of its processes is left; on a file system that several
machines share, another machine's lock is left to whoever can look there. Jobs without a controller are ended first,
because the new run would start them again and two writers would share a file.
"""

import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from scope.errors import InputError
from scope.holder import holder_of


def run_snakemake(folder: Path, arguments: list[str]) -> int:
    """Run Snakemake in `folder` as its only controller; returns its exit status."""
    state = folder / ".snakemake"
    state.mkdir(exist_ok=True)
    with open(state / "controller.lock", "w") as lock:
        _only_controller(folder, lock)
        snakemake = [sys.executable, "-m", "snakemake"]
        if any((state / "locks").glob("*")):
            _lock_is_ours_to_release(folder)
            for job in orphans(folder):
                print(f"run: ending job {job.pid}, left behind by a run that was killed", file=sys.stderr)
                _end(job)
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
    """Raise InputError unless the lock's holder ran on this machine, where it was seen to be gone."""
    holder = holder_of(folder)
    if holder and holder.is_here:
        return
    who = f"by process {holder.process} on {holder.host} since {holder.since}" if holder else "by a run that is unknown"
    where = f"on {holder.host}" if holder else "on any machine"
    raise InputError(
        f"{folder} is locked {who}. If that run is alive {where}, wait for it or stop it there; "
        "if it is gone, release the lock with `snakemake --unlock`, then start again"
    )


def controllers(folder: Path) -> list[psutil.Process]:
    """Live Snakemake processes that work in `folder`, this process's own parents excepted."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [p for p in _processes_in(folder) if p.pid not in own and _runs_snakemake(p)]


def orphans(folder: Path) -> list[psutil.Process]:
    """Live stage processes of `folder` that no Snakemake process has above it."""
    stages = {f"scripts/{path.name}" for path in (folder / "scripts").glob("*.py")} - {"scripts/run.py"}
    jobs = [p for p in _processes_in(folder) if stages & set(_command(p))]
    return [job for job in jobs if not any(map(_runs_snakemake, _parents(job)))]


def _only_controller(folder: Path, lock) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        free = True
    except BlockingIOError:
        free = False
    alive = controllers(folder)
    if free and not alive:
        return
    holder = holder_of(folder)
    who = f"process {alive[0].pid}" if alive else f"process {holder.process} on {holder.host}" if holder else "starting"
    raise InputError(
        f"a run is already at work in {folder} ({who}); wait for it, or stop it with Ctrl-C, then start again"
    )


def _processes_in(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == folder.resolve():
                found.append(process)
        except (psutil.Error, FileNotFoundError):
            continue
    return found


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _parents(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.parents()
    except psutil.Error:
        return []


def _runs_snakemake(process: psutil.Process) -> bool:
    command = _command(process)
    return any(Path(word).name == "snakemake" for word in command[:3])


def _end(job: psutil.Process) -> None:
    try:
        job.terminate()
        job.wait(10)
    except psutil.TimeoutExpired:
        job.kill()
    except psutil.NoSuchProcess:
        return


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
