"""The peak that the MFU is a share of, as the workflow passes it: it changes what is logged, not what is computed."""

import os
from math import isfinite

from scope.errors import InputError

PEAK_VARIABLE = "SCOPE_PEAK_TFLOPS"


def peak_tflops() -> float | None:
    """TFLOP/s of one card, `tracking.peak_tflops`; None where it is not set. Raises InputError for anything else."""
    text = os.environ.get(PEAK_VARIABLE)
    if text is None:
        return None
    invalid = InputError(f"{PEAK_VARIABLE} is {text!r}; write the TFLOP/s of one card, such as 989", "invalid-value")
    try:
        value = float(text)
    except ValueError:
        raise invalid from None
    if not (isfinite(value) and value > 0):
        raise invalid
    return value
