"""The scorer behind several vLLM servers, which may come and go while a job runs.

One queue of pairs for all: a pair whose request fails goes back to its front, and another server, or the same one
after a backoff, scores it. Only the calling thread decides; the servers' threads just wait for answers.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from operator import itemgetter
from pathlib import Path
from queue import Empty, SimpleQueue

from scope.artifacts.digests import file_digest
from scope.errors import InputError
from scope.models.pair import Pair
from scope.score.api_key import need_key, read_key
from scope.score.backend import Teacher
from scope.score.client import Server, Unavailable
from scope.score.connection import Connection, from_environment
from scope.score.endpoint import Answers, Endpoint
from scope.score.service.registry import live_urls
from scope.score.settings import Servers

LOOK_S = 2.0
TICK_S = 0.1


def open_pool(settings: Servers, manifest: str | Path) -> "PoolTeacher":
    """The pool of the backend `external` or `service`, whose servers the environment names."""
    connection = from_environment()
    if settings.backend == "external":
        key = read_key(connection.key_file)
        remedy = "are the servers up, and is teacher.server.urls right?"
        return PoolTeacher(lambda: connection.urls, connection, settings.model, key, remedy, proxy=True)
    listed = partial(live_urls, connection.folder, manifest, file_digest(manifest))
    remedy = "start replicas: python scripts/teacher_service.py start --configfile mine.yaml"
    return PoolTeacher(listed, connection, settings.model, need_key(connection.key_file), remedy)


class PoolTeacher(Teacher):
    """Scores at whichever servers `listed` gives at the time; `remedy` is what to do where none answers."""

    def __init__(
        self,
        listed: Callable[[], Iterable[str]],
        connection: Connection,
        model: str,
        key: str | None,
        remedy: str,
        *,
        proxy: bool = False,
    ):
        self.listed, self.connection, self.remedy = listed, connection, remedy
        self.open = partial(Server, model=model, key=key, timeout_s=connection.timeout_s, proxy=proxy)
        self.known: dict[str, Endpoint] = {}
        self.here: list[Endpoint] = []
        self.looked = self.lived = 0.0

    def score_together(
        self, pairs: Sequence[Pair], done: Container[int] = ()
    ) -> Iterator[list[tuple[int, list[float]]]]:
        """In the order of the answers. Raises InputError where no server answers for long, or one refuses for good."""
        waiting = deque(index for index in range(len(pairs)) if index not in done)
        missing, tries = len(waiting), Counter()
        answers: Answers = SimpleQueue()
        self.lived, self.under_way = time.monotonic(), 0
        while missing:
            self._look_around()
            self._ask(pairs, waiting, answers)
            finished: list[tuple[int, list[float]]] = []
            try:
                for endpoint, index, answer in _arrived(answers):
                    self.under_way -= 1
                    finished += self._settle(endpoint, index, answer, waiting, tries)
            except InputError:
                if finished:
                    yield finished  # what came before it is kept
                raise
            missing -= len(finished)
            if finished:
                yield finished

    def _look_around(self) -> None:
        """Add new servers, drop those that left, and contact those whose backoff is over."""
        now = time.monotonic()
        if now >= self.looked + LOOK_S:
            self.looked = now
            urls = list(self.listed())
            for url in set(urls) - set(self.known):
                self.known[url] = Endpoint(self.open(url), self.connection.concurrency)
            for url in set(self.known) - set(urls):
                self.known[url].lose()
            self.here = [self.known[url] for url in urls]
        for endpoint in self.here:
            endpoint.keep_contact()
        if any(endpoint.is_ready for endpoint in self.here):
            self.lived = now
        elif now > self.lived + self.connection.patience_s:
            failures = "; ".join(endpoint.failure for endpoint in self.here) or "there is none"
            raise InputError(
                f"no teacher's server answered for {self.connection.patience_s:g} s ({failures}); {self.remedy}",
                "no-server",
            )

    def _ask(self, pairs: Sequence[Pair], waiting: deque[int], answers: Answers) -> None:
        """Hand out pairs, one to each server in turn, as long as servers have free slots."""
        turns = [turn for endpoint in self.here for turn in enumerate([endpoint] * endpoint.free_slots())]
        for _, endpoint in sorted(turns, key=itemgetter(0)):
            if not waiting:
                return
            index = waiting.popleft()
            self.under_way += 1
            endpoint.ask(pairs[index], lambda answer, to=(endpoint, index): answers.put((*to, answer)))

    def _settle(
        self, endpoint: Endpoint, index: int, answer: Future[list[float]], waiting: deque[int], tries: Counter
    ) -> list[tuple[int, list[float]]]:
        """What was scored: nothing where the pair waits again. Raises InputError where it is refused for good."""
        try:
            scores = answer.result()
        except Unavailable as failure:
            endpoint.failed(failure)
            self._give_back(index, failure, waiting, tries)
            return []
        endpoint.scored()
        return [(index, scores)]

    def _give_back(self, index: int, failure: Unavailable, waiting: deque[int], tries: Counter) -> None:
        """Retry a pair a limited number of times: it may be what crashes servers."""
        tries[index] += failure.reached
        if tries[index] >= self.connection.attempts:
            raise InputError(f"{failure}, after {tries[index]} tries; see the server's log", "failed-request")
        waiting.appendleft(index)


def _arrived(answers: Answers) -> Iterator[tuple]:
    """What arrived, after a short wait where nothing has."""
    try:
        yield answers.get(timeout=TICK_S)
        while True:
            yield answers.get_nowait()
    except Empty:
        return
