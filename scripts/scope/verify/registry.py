"""The verifiers of all domains in one table, for callers that do not know the domain of a row beforehand.

The stages import the verifier of one domain alone (scripts/verify_math.py and its like): an edit of another
domain's verifier then changes no recipe.
"""

from collections.abc import Sequence

from scope.verify import pool
from scope.verify.code.verify import VERIFIER as CODE
from scope.verify.coins import VERIFIER as COINS
from scope.verify.math.verify import VERIFIER as MATH
from scope.verify.verdict import Verdict

VERIFIERS = {"math": MATH, "puzzle": COINS, "code": CODE}


def verify_rows(rows: Sequence[pool.Row | tuple], **options) -> list[Verdict]:
    """`pool.verify_rows` with the verifiers of all domains."""
    return pool.verify_rows(rows, verifiers=VERIFIERS, **options)
