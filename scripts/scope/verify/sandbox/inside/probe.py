"""Looks for holes in the sandbox that it runs in."""

import json
import os
import socket
import sys
from collections.abc import Iterator


def main() -> None:
    """Read what should be hidden, print what is not isolated."""
    print(json.dumps({"holes": list(_holes(json.loads(sys.stdin.readline())["hidden"]))}), flush=True)


def _holes(hidden: list[str]) -> Iterator[str]:
    allowed = {"LD_LIBRARY_PATH", "OPENBLAS_NUM_THREADS", "PWD", "LC_CTYPE"}
    if set(os.environ) - allowed:
        yield f"the environment holds {', '.join(sorted(set(os.environ) - allowed))}"
    yield from (f"{path} can be seen" for path in hidden if os.path.exists(path))
    if os.getpid() > 16:
        yield "other processes can be seen"
    if [name for _, name in socket.if_nameindex() if name != "lo"]:
        yield "there is a network"
    try:
        open("/usr/.scope-probe", "w", encoding="utf-8").close()
        yield "the system can be written to"
    except OSError:
        pass
    with open("/proc/self/status", encoding="utf-8") as status:
        if any(line.startswith("CapEff") and int(line.split()[1], 16) for line in status):
            yield "the process has capabilities"
