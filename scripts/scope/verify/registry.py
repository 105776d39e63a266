"""Which verifier judges the responses of which domain.

Verifying one response is a pure function of two texts without a time limit of its own; `scope.verify.pool` verifies
many of them, each under a deadline.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from scope.verify.code.verify import PROGRAM_S, verify_code
from scope.verify.coins import verify_puzzle
from scope.verify.math.verify import verify_math
from scope.verify.sandbox.bubblewrap import check_sandbox
from scope.verify.verdict import Verdict


class Verifier(NamedTuple):
    """How the responses of one domain are judged."""

    judge: Callable[..., Verdict]
    """Takes the response and the text that it is held against, and the prompt's `tolerance` where it has one."""
    against: Literal["answer", "problem", "tests"]
    """Which text of the prompt that is."""
    isolated: bool
    """Whether hostile input can make it slow or kill it, so that it runs in a killable worker."""
    deadline_s: float = 10.0
    """Wall-clock seconds until that worker is killed."""
    prepare: Callable[[], None] = lambda: None
    """Raises InputError where nothing can be judged here; called once, before any response is."""


VERIFIERS = {
    "math": Verifier(verify_math, against="answer", isolated=True),
    "puzzle": Verifier(verify_puzzle, against="problem", isolated=False),
    "code": Verifier(verify_code, against="tests", isolated=True, deadline_s=2 * PROGRAM_S, prepare=check_sandbox),
}
