"""The mark of tests that run programs: they skip, and say why, where no sandbox starts."""

import pytest

from scope import sandbox
from scope.errors import InputError


def missing():
    """Why there is no sandbox here; nothing where there is one."""
    try:
        sandbox.check_sandbox()
    except InputError as error:
        return str(error)
    return ""


sandboxed = pytest.mark.skipif(bool(missing()), reason=missing() or "there is a sandbox")
