"""Runs assertions about functions in another sandbox: each call of such a function is a message over a pipe.

The program under test never shares a process with the assertions, so it cannot change what `==` means, read expected
values, or exit with a pass.
"""

import builtins
import json
import sys
from typing import Any

from scope.verify.sandbox.inside.wire import open_wire, pack, unpack


def main() -> None:
    """Read the tests, run them, send whether they passed."""
    replies, requests = open_wire()
    job = json.loads(replies.readline())

    def send(message: dict[str, Any]) -> None:
        requests.write(json.dumps(message) + "\n")
        requests.flush()

    def proxy(name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            send({"call": name, "args": pack(args), "kwargs": pack(kwargs)})
            reply = json.loads(replies.readline())
            if "raised" in reply:
                raise _exception(reply["raised"])
            return unpack(reply["value"])

        return call

    names: dict[str, Any] = {"__name__": "examiner"}
    try:
        exec(compile(job["setup"], "setup.py", "exec"), names)
        names.update({name: proxy(name) for name in job["functions"]})
        exec(compile(job["tests"], "tests.py", "exec"), names)
    except BaseException as error:
        send({"passed": False, "why": type(error).__name__})
        sys.exit()
    send({"passed": True})


def _exception(name: str) -> BaseException:
    kind = getattr(builtins, str(name), RuntimeError)
    known = isinstance(kind, type) and issubclass(kind, Exception)
    return kind() if known and not issubclass(kind, UnicodeError) else RuntimeError(name)
