"""What a verifier returns for one response."""

from dataclasses import dataclass
from enum import StrEnum

LONGEST_EXCERPT = 1_000
"""Characters."""


class Reason(StrEnum):
    """Why a response got its verdict; only `correct` means that it is correct."""

    correct = "correct"
    wrong = "wrong"
    # math
    no_box = "no_box"
    empty_box = "empty_box"
    too_long = "too_long"
    unparsable = "unparsable"
    too_large = "too_large"
    unevaluated = "unevaluated"
    # puzzle
    malformed = "malformed"
    after_zero = "after_zero"
    digit_not_given = "digit_not_given"
    wrong_difference = "wrong_difference"
    not_zero = "not_zero"
    # code
    no_code = "no_code"
    raised = "raised"
    too_much_output = "too_much_output"
    # the verifier itself failed on it
    timeout = "timeout"
    crashed = "crashed"


@dataclass(frozen=True)
class Verdict:
    """Whether a response is correct, the answer that was extracted from it (None: none), and why."""

    correct: bool
    extracted: str | None
    reason: Reason

    @property
    def excerpt(self) -> str | None:
        """The beginning of what was extracted, as artifacts keep it."""
        return self.extracted and self.extracted[:LONGEST_EXCERPT]

    @classmethod
    def of(cls, reason: Reason, extracted: str | None = None) -> "Verdict":
        """The verdict that a reason implies."""
        return cls(reason is Reason.correct, extracted, reason)
