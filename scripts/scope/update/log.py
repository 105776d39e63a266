"""Lines of the log that all ranks would write alike."""

import sys

from torch import distributed as dist


def log(line: str) -> None:
    """Write a line to stderr, from the first rank alone; from every process outside of a group of ranks."""
    if not dist.is_initialized() or dist.get_rank() == 0:
        print(line, file=sys.stderr, flush=True)
