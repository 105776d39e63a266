"""One controller per folder: refuse a second one, and clear away what a killed one left behind.

Snakemake's lock outlives a controller that was killed, and so do the jobs it had started. A lock is released
only when no live process of this machine runs Snakemake here; jobs without a controller are ended first,
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


def run_snakemake(folder: Path, arguments: list[str]) -> int:
    """Run Snakemake in `folder` as its only controller; returns its exit status."""
    state = folder / ".snakemake"
    state.mkdir(exist_ok=True)
    with open(state / "controller.lock", "w") as lock:
        _only_controller(folder, lock)
        snakemake = [sys.executable, "-m", "snakemake"]
        if any((state / "locks").glob("*")):
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
        held_by = controllers(folder)
    except BlockingIOError:
        held_by = controllers(folder) or [psutil.Process()]
    if held_by:
        raise InputError(
            f"a run is already at work in {folder} (process {held_by[0].pid}); wait for it, or stop it with Ctrl-C, "
            "then start again"
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
