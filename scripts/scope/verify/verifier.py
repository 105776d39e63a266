"""What a verifier of one domain is."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from scope.verify.verdict import Verdict


def _nothing() -> None:
    """Prepare nothing."""


class Verifier(NamedTuple):
    """How the responses of one domain are verified: a pure function of two texts, without a time limit of its own."""

    verify: Callable[..., Verdict]
    """Takes the response and the text that it is compared with, and the prompt's `tolerance` where it has one."""
    against: Literal["answer", "problem", "tests"]
    """Which text of the prompt that is."""
    isolated: bool
    """Whether hostile input can make it slow or kill it, so that it runs in a worker that can be killed."""
    deadline_s: float = 10.0
    """Wall-clock seconds until that worker is killed."""
    prepare: Callable[[], None] = _nothing
    """Raises InputError where nothing can be verified on this machine; called once, before any response is verified."""
    known: tuple[str, str] | None = None
    """A correct response and its text: a worker that does not find it correct cannot verify anything."""
    preload: tuple[str, ...] = ()
    """Modules that a worker needs; they are imported once for all workers."""
