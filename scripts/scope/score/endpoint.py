"""One server as a member of a pool: how much it may be asked now, and its rests after faults."""

import random
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

from scope.models.pair import Pair
from scope.score.client import Server, Unavailable

REST_S, LONGEST_REST_S = 1.0, 60.0


class Endpoint:
    """Contacted before it gets pairs, at first and after every rest.

    A fault makes it rest, each time twice as long until it scores again; until then it gets one pair at a time.
    """

    def __init__(self, server: Server, concurrency: int):
        self.server, self.concurrency = server, concurrency
        self.threads = ThreadPoolExecutor(concurrency + 1)
        self.in_flight: set[Future] = set()
        self.contact: Future | None = None
        self.is_ready, self.faults, self.rests_until = False, 0, 0.0
        self.fault = "not asked yet"

    def room(self) -> int:
        """How many more pairs it may be asked now."""
        self.in_flight = {future for future in self.in_flight if not future.done()}
        return (1 if self.faults else self.concurrency) - len(self.in_flight) if self.is_ready else 0

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
            except Unavailable as fault:
                self._rest(fault)
        elif not (self.is_ready or self.contact) and time.monotonic() >= self.rests_until:
            self.contact = self.threads.submit(self.server.check_name)

    def lose(self) -> None:
        """It is to be contacted anew before it is asked again."""
        self.is_ready = False

    def scored(self) -> None:
        """It gave an answer."""
        self.faults = 0

    def failed(self, fault: Unavailable) -> None:
        """It gave no answer; many requests that fail at once are one fault."""
        if self.is_ready:
            self.is_ready = False
            self._rest(fault)

    def _rest(self, fault: Unavailable) -> None:
        self.fault = str(fault)
        rest = min(REST_S * 2 ** min(self.faults, 10), LONGEST_REST_S)
        self.rests_until = time.monotonic() + rest * random.uniform(0.5, 1)
        self.faults += 1


Answers = SimpleQueue[tuple[Endpoint, int, Future]]
