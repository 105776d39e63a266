"""The mark of tests that run programs: they skip, and say why, where no sandbox starts."""

import pytest

from scope.errors import InputError
from scope.verify.sandbox.bubblewrap import check_sandbox


def missing():
    """Why there is no sandbox here; nothing where there is one."""
    try:
        check_sandbox()
    except InputError as error:
        return str(error)
    return ""


sandboxed = pytest.mark.skipif(bool(missing()), reason=missing() or "there is a sandbox")
