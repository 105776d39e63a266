"""The functions that other programs call: verdicts on one response, and whether two bare answers are equivalent."""

from scope.verify.code.verify import verify_code
from scope.verify.coins import verify_puzzle
from scope.verify.math.verify import equivalent, verify_math

__all__ = ["equivalent", "verify_code", "verify_math", "verify_puzzle"]
