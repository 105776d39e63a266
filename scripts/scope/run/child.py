"""Snakemake as a child of the controller: Ctrl-C and SIGTERM end it, and the stages on this machine, in ten seconds.

Its messages pass through the controller, which drops them from the signal on: what ended stages and Snakemake report
then are consequences. Stages get SIGINT first, at which they save finished rows.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import psutil

INTERRUPTED, TERMINATED = 130, 143
MESSAGES = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated, with the stages that ran"}
NATURAL_S = 2.0
"""Ctrl-C in a terminal reaches every process at once; they have so long before they are sent anything more."""
LADDER = ((signal.SIGINT, 4.0), (signal.SIGTERM, 1.5), (signal.SIGKILL, 1.0))
"""Signals to those that are still there, and seconds until the next one."""
DELAY_S = 0.2


class _Stopped(BaseException):
    """A signal came that ends the run."""


def run_child(command: Sequence[str], folder: Path, *, drains: bool) -> int:
    """Run Snakemake; returns its exit status, INTERRUPTED after Ctrl-C, or TERMINATED after SIGTERM.

    Where it `drains`, running jobs are left to Snakemake: on SIGTERM it lets them finish, on Ctrl-C it cancels them.
    """
    theirs, errors = os.openpty() if os.isatty(2) else os.pipe()
    process = subprocess.Popen(command, cwd=folder, stderr=errors)
    os.close(errors)
    quiet = threading.Event()
    relay = threading.Thread(target=_relay, args=(theirs, quiet), daemon=True)
    relay.start()

    def stop(number: int, _: object) -> None:
        if number == signal.SIGTERM and drains:
            process.terminate()
            return
        quiet.set()
        raise _Stopped(number)

    # A shell script starts what it runs in the background with SIGINT ignored: that stays.
    heard = [number for number in MESSAGES if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        status = process.wait()
    except _Stopped as stopped:
        number = stopped.args[0]
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        print(f"{MESSAGES[number]}; run the same command to resume", file=sys.stderr, flush=True)
        _stop(process, None if drains else NATURAL_S if number == signal.SIGINT else 0.0)
        status = 128 + number
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    relay.join(1.0 + DELAY_S)
    return status


def _relay(source: int, quiet: threading.Event) -> None:
    """Pass on what is written, a moment later: a signal may reach the writer before this process."""
    with contextlib.suppress(OSError):  # a pseudo-terminal ends with an error
        while chunk := os.read(source, 65536):
            if not quiet.wait(DELAY_S):
                os.write(2, chunk)


def _stop(process: subprocess.Popen, patience_s: float | None) -> None:
    """Wait for the end; with `patience_s`, only so long before signals follow."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience_s)
        return
    _end(psutil.Process(process.pid))
    process.wait()


def _end(snakemake: psutil.Process) -> None:
    """End the stages by the ladder; Snakemake starts no other after SIGTERM, and is killed where it does not end."""
    with contextlib.suppress(psutil.NoSuchProcess):
        stages = snakemake.children(recursive=True)
        snakemake.terminate()
        for number, patience_s in LADDER:
            for stage in stages:
                with contextlib.suppress(psutil.NoSuchProcess):
                    stage.send_signal(number)
            _, alive = psutil.wait_procs([snakemake, *stages], patience_s)
            stages = [stage for stage in alive if stage != snakemake]
            if not alive:
                return
        snakemake.kill()
