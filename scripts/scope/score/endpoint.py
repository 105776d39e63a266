"""One server of a pool: how many requests it can get now, and its backoff after failures."""

import random
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

from scope.models.pair import Pair
from scope.score.client import Server, Unavailable

BACKOFF_S, LONGEST_BACKOFF_S = 1.0, 60.0


class Endpoint:
    """Contacted before it gets pairs, at first and after every backoff.

    The backoff doubles with every failure until the server scores again; until then it gets one pair at a time.
    """

    def __init__(self, server: Server, concurrency: int):
        self.server, self.concurrency = server, concurrency
        self.threads = ThreadPoolExecutor(concurrency + 1)
        self.in_flight: set[Future] = set()
        self.contact: Future | None = None
        self.is_ready, self.failures, self.retry_at = False, 0, 0.0
        self.failure = "not asked yet"

    def free_slots(self) -> int:
        """How many more pairs it can get now."""
        self.in_flight = {future for future in self.in_flight if not future.done()}
        return (1 if self.failures else self.concurrency) - len(self.in_flight) if self.is_ready else 0

    def ask(self, pair: Pair, then: Callable[[Future], None]) -> None:
        """Have a pair scored; `then` gets the answer."""
        future = self.threads.submit(self.server.score, pair)
        self.in_flight.add(future)
        future.add_done_callback(then)

    def keep_contact(self) -> None:
        """Contact the server where that is due. Raises InputError where it serves another model."""
        if self.contact and self.contact.done():
            contact, self.contact = self.contact, None
            try:
                contact.result()
                self.is_ready = True
            except Unavailable as failure:
                self._back_off(failure)
        elif not (self.is_ready or self.contact) and time.monotonic() >= self.retry_at:
            self.contact = self.threads.submit(self.server.check_name)

    def lose(self) -> None:
        """Contact it again before it gets another pair."""
        self.is_ready = False

    def scored(self) -> None:
        """It gave an answer."""
        self.failures = 0

    def failed(self, failure: Unavailable) -> None:
        """It gave no answer; many requests that fail at once count as one failure."""
        if self.is_ready:
            self.is_ready = False
            self._back_off(failure)

    def _back_off(self, failure: Unavailable) -> None:
        self.failure = str(failure)
        seconds = min(BACKOFF_S * 2 ** min(self.failures, 10), LONGEST_BACKOFF_S)
        self.retry_at = time.monotonic() + seconds * random.uniform(0.5, 1)
        self.failures += 1


Answers = SimpleQueue[tuple[Endpoint, int, Future]]
