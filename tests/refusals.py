"""How tests check that bad input is refused: by the error's code, and by what its message has to name."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scope.errors import InputError


@contextmanager
def refused(code: str, *names: object) -> Iterator[pytest.ExceptionInfo[InputError]]:
    """The block raises InputError with this code, and the message has each of `names`: a file, key, row or value."""
    __tracebackhide__ = True
    with pytest.raises(InputError) as caught:
        yield caught
    assert caught.value.code == code, f"{caught.value.code}: {caught.value}"
    absent = [name for name in names if str(name) not in str(caught.value)]
    assert not absent, f"the message does not name {absent}: {caught.value}"
