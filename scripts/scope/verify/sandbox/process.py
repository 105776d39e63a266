"""One sandboxed process, and the lines exchanged with it."""

import os
import selectors
import signal
import subprocess
import time
from typing import IO, Any, NamedTuple, cast

CHUNK = 1 << 16


class Limits(NamedTuple):
    """What a sandboxed process and its children may use."""

    wall_s: float = 30.0
    """From its start until it is killed."""
    cpu_s: int = 30
    """Of each process."""
    memory_bytes: int = 2 << 30
    """Address space of each process."""
    file_bytes: int = 16 << 20
    """Of each file, and four times that on the tmpfs."""
    processes: int = 32
    line_bytes: int = 16 << 20
    """Of one line that it writes to the verifier."""


class Dead(Exception):
    """The process ended before it replied."""


class Late(Exception):
    """The process did not reply in time."""


class TooMuch(Exception):
    """The process wrote more than allowed."""


class Process:
    """A running sandbox; a context manager that kills it, and every process in it, at its end."""

    def __init__(self, command: list[str], limits: Limits):
        self._limits = limits
        self._end = time.monotonic() + limits.wall_s
        self._held = bytearray()
        pipe, null = subprocess.PIPE, subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=null, start_new_session=True, env={})
        self._stdin = cast(IO[bytes], self._process.stdin)
        self._stdout = cast(IO[bytes], self._process.stdout)
        os.set_blocking(self._stdin.fileno(), False)
        os.set_blocking(self._stdout.fileno(), False)

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: Any) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._stdin.close()
        self._stdout.close()
        self._process.wait()

    def send(self, line: str) -> None:
        """Write one line. Raises Dead, and Late where the process does not read it."""
        rest = memoryview(line.encode() + b"\n")
        while rest:
            self._wait_until(self._stdin, selectors.EVENT_WRITE, self._end)
            try:
                rest = rest[os.write(self._stdin.fileno(), rest) :]
            except BrokenPipeError:
                raise Dead from None

    def receive(self, within_s: float) -> str:
        """The next line that the process writes. Raises Dead, Late, and TooMuch for a line beyond the limit."""
        deadline = min(self._end, time.monotonic() + within_s)
        while b"\n" not in self._held:
            self._wait_until(self._stdout, selectors.EVENT_READ, deadline)
            chunk = os.read(self._stdout.fileno(), CHUNK)
            if not chunk:
                raise Dead
            self._held += chunk
            if len(self._held) > self._limits.line_bytes:
                raise TooMuch
        line, _, rest = bytes(self._held).partition(b"\n")
        self._held = bytearray(rest)
        return line.decode(errors="replace")

    def _wait_until(self, pipe: Any, event: int, deadline: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, event)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise Late
