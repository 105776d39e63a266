"""One measurement in a process of its own: python worker.py SPEC.json RESULT.json, in the side's environment."""

import importlib
import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent / "scripts")]


class Meter:
    """Seconds and resident memory of one measurement, in MB of 10^6 bytes."""

    def __init__(self):
        self.started = time.perf_counter()
        self.result: dict[str, Any] = {}

    def loaded(self) -> None:
        """Imports are done and the model is loaded: what memory grows by from here on is the work's."""
        self.result["start_s"] = time.perf_counter() - self.started
        self.result["loaded_mb"] = resident_mb()

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Around the work itself, after a warm-up."""
        started = time.perf_counter()
        yield
        self.stop(started)

    def stop(self, started: float) -> None:
        """The work that began at `started` is done."""
        self.result["seconds"] = time.perf_counter() - started
        self.result["peak_mb"] = peak_mb()


def resident_mb() -> float:
    """Resident memory now."""
    fields = Path("/proc/self/statm").read_text(encoding="utf-8").split()
    return int(fields[1]) * resource.getpagesize() / 1e6


def peak_mb() -> float:
    """The most resident memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def main() -> None:
    """Measure what the spec asks for, write figures and versions."""
    spec = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    import torch

    torch.set_num_threads(1)
    meter = Meter()
    module = importlib.import_module(f"bench.side_{spec['environment']}")
    meter.result["check"] = getattr(module, spec["work"])(spec, meter)
    Path(sys.argv[2]).write_text(json.dumps(meter.result), encoding="utf-8")


if __name__ == "__main__":
    main()
