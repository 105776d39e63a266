"""One replica of the teacher: a vLLM server, and the record that it answers, kept up as long as it really scores."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import httpx

from scope.errors import InputError
from scope.models.pair import Pair
from scope.score.client import Server, Unavailable
from scope.score.service.registry import Record, path_of, write_record

PROBE = Pair([0, 1], [2])
# A pool stops asking a few seconds after the record is gone; draining fits into the margin before the walltime's end.
QUIET_S, DRAIN_S, STOP_S, MARGIN_S = 3.0, 90, 10, 120


class Ending(Exception):
    """Why a replica ends although nothing is wrong."""


class Replica:
    """Runs the server `command`, which `probe` reaches, and renews `record` in `folder`."""

    def __init__(
        self,
        command: list[str],
        environment: dict[str, str],
        log: Path,
        probe: Server,
        record: Record,
        folder: str | Path,
        service,
    ):
        self.command, self.environment, self.log = command, environment, log
        self.probe, self.record, self.folder, self.service = probe, record, folder, service
        self.server: subprocess.Popen | None = None
        self.scored_at = self.asked_at = time.monotonic()
        self.scored = self.asked = 0

    def run(self) -> None:
        """Serve until SIGTERM, the walltime's end or idleness. Raises InputError where the server dies or hangs."""
        try:
            with ending_on_signals(self.record.ends):
                server = self._start()
                while True:
                    self._beat()
                    self._wait(server)
        except Ending as reason:
            say(f"{reason}: accepts no more requests, finishes the open ones")
            self._remove_record()
            self._drain()
        finally:
            self._remove_record()
            self._kill()

    def _start(self) -> subprocess.Popen:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "w", encoding="utf-8") as output:
            self.server = subprocess.Popen(
                self.command, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )
        say(f"starts a server at {self.record.url}, log {self.log}")
        return self.server

    def _wait(self, server: subprocess.Popen) -> None:
        """Until the next beat. Raises InputError as soon as the server is dead."""
        try:
            status = server.wait(self.service.heartbeat_s if self.scored else 1.0)
        except subprocess.TimeoutExpired:
            return
        raise InputError(f"the server ended with status {status}; {tail(self.log)}", "server-ended")

    def _beat(self) -> None:
        """Score a probe and renew the record. Raises InputError where the server has scored nothing for long."""
        try:
            self.probe.score(PROBE)
        except Unavailable as error:
            if time.monotonic() > self.scored_at + self.service.deadline_s:
                raise InputError(
                    f"the server scored nothing for {self.service.deadline_s:g} s ({error}); {tail(self.log)}",
                    "server-hangs",
                ) from None
            return
        self.scored_at = time.monotonic()
        if not self.scored:
            self.asked_at = self.scored_at
            say(f"{self.record.url} scores")
        self.scored += 1
        self._renew_record()
        self._look_for_requests()

    def _renew_record(self) -> None:
        """The next beat is due after a heartbeat, and its probe may take until the deadline of a request."""
        now, allowed = time.time(), 2 * self.service.heartbeat_s + self.probe.timeout_s
        write_record(self.folder, replace(self.record, beat=now, expires=now + allowed))

    def _look_for_requests(self) -> None:
        """Raises Ending where nobody but this replica has asked the server for long."""
        try:
            asked = requests_of(self.record.url)[1] - self.scored
        except httpx.HTTPError:
            return
        if asked > self.asked:
            self.asked, self.asked_at = asked, time.monotonic()
        idle = self.service.idle_s
        if idle and time.monotonic() > self.asked_at + idle:
            raise Ending(f"no request for {idle:g} s")

    def _remove_record(self) -> None:
        path_of(self.folder, self.record).unlink(missing_ok=True)

    def _drain(self) -> None:
        """Wait until the server has been idle for some time: ending it aborts the requests that it works on."""
        seen, since, begun = (-1, -1), 0.0, time.monotonic()
        while self.scored and (now := time.monotonic()) < begun + DRAIN_S:
            try:
                requests = requests_of(self.record.url)
            except httpx.HTTPError:
                return
            if requests != seen or requests[0]:
                seen, since = requests, now
            elif now > since + QUIET_S:
                return
            time.sleep(0.2)

    def _kill(self) -> None:
        """End the server, and whatever is left of its processes."""
        if self.server:
            self.server.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.server.wait(STOP_S)
            with suppress(ProcessLookupError):
                os.killpg(self.server.pid, signal.SIGKILL)
            self.server.wait()


@contextmanager
def ending_on_signals(ends: float | None) -> Iterator[None]:
    """Context: SIGTERM, SIGINT and, some time before the walltime's end, SIGALRM raise Ending; none does afterwards."""
    reasons: dict[int, str] = {signal.SIGTERM: "SIGTERM", signal.SIGINT: "SIGINT", signal.SIGALRM: "the walltime ends"}

    def end(number: int, _: object) -> None:
        for each in reasons:
            signal.signal(each, signal.SIG_IGN)
        raise Ending(reasons[number])

    for number in reasons:
        signal.signal(number, end)
    if ends:
        signal.alarm(max(1, int(ends - MARGIN_S - time.time())))
    try:
        yield
    finally:
        for number in reasons:
            signal.signal(number, signal.SIG_IGN)


def requests_of(url: str) -> tuple[int, int]:
    """Requests that a vLLM server has, and those that it has finished since it started."""
    text = httpx.get(f"{url}/metrics", timeout=10, trust_env=False).raise_for_status().text
    counts = dict.fromkeys(("num_requests_running", "num_requests_waiting", "request_success_total"), 0.0)
    for name, value in re.findall(r"^vllm:(\w+)\{.*\} (\S+)$", text, re.M):
        if name in counts:
            counts[name] += float(value)
    running, waiting, finished = counts.values()
    return round(running + waiting), round(finished)


def tail(log: Path) -> str:
    """The last lines of a log, for a message."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
    return "\n".join([f"the end of {log}:", *lines])


def say(line: str) -> None:
    """A line for the job's log."""
    print(f"{time.strftime('%H:%M:%S')} replica: {line}", file=sys.stderr, flush=True)
