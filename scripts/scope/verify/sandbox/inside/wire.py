"""Messages into and out of the sandbox: plain Python values as JSON, which can carry neither code nor an `==`."""

import os
import sys
from typing import Any, TextIO

_CONTAINERS = ((list, "l"), (tuple, "t"), (set, "s"), (frozenset, "z"))
_TYPES = {kind.__name__: kind for kind in (bool, int, float, complex, str, bytes, list, tuple, set, frozenset, dict)}


def open_wire() -> tuple[TextIO, TextIO]:
    """Standard input and output, to read and write lines; the program gets the null device in their place."""
    sys.set_int_max_str_digits(0)
    incoming, outgoing = os.fdopen(os.dup(0), "r", encoding="utf-8"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    return incoming, outgoing


def pack(value: Any) -> Any:
    """A value in a form that JSON can hold. Raises TypeError for anything but plain values and containers of them."""
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, str):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, float):
        return {"f": repr(float(value))}
    if isinstance(value, complex):
        return {"c": repr(complex(value))}
    if isinstance(value, bytes | bytearray):
        return {"b": bytes(value).hex()}
    if isinstance(value, dict):
        return {"d": [[pack(key), pack(item)] for key, item in value.items()]}
    for kind, tag in _CONTAINERS:
        if isinstance(value, kind):
            return {tag: [pack(item) for item in value]}
    if isinstance(value, type) and _TYPES.get(value.__name__) is value:
        return {"y": value.__name__}
    raise TypeError(f"{type(value).__name__} is not a plain value")


def unpack(packed: Any) -> Any:
    """The value that `pack` packed. Raises ValueError for what it never returns."""
    if not isinstance(packed, dict):
        return packed
    ((tag, held),) = packed.items()
    readers = {"f": float, "c": complex, "b": bytes.fromhex, "y": _TYPES.__getitem__}
    if tag in readers:
        return readers[tag](held)
    if tag == "d":
        return {unpack(key): unpack(item) for key, item in held}
    return {tag: kind for kind, tag in _CONTAINERS}[tag](unpack(item) for item in held)
