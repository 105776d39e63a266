"""Who holds a folder: the record that a controller leaves beside Snakemake's lock when it starts."""

import json
import os
import socket
import time
from pathlib import Path
from typing import NamedTuple

from scope.atomic import atomic

RECORD = ".snakemake/controller.json"


class Holder(NamedTuple):
    """The controller that started last in a folder."""

    host: str
    process: int
    since: str

    @property
    def is_here(self) -> bool:
        """Whether it ran on this machine, where its processes can be seen."""
        return self.host == socket.gethostname()


def sign(folder: str | Path = ".") -> None:
    """Record this process as the controller of a folder."""
    holder = Holder(socket.gethostname(), os.getpid(), time.strftime("%Y-%m-%d %H:%M:%S"))
    with atomic(Path(folder) / RECORD) as temporary:
        temporary.write_text(json.dumps(holder._asdict()) + "\n")


def holder_of(folder: str | Path) -> Holder | None:
    """The controller that started last; None where none left a readable record."""
    try:
        return Holder(**json.loads((Path(folder) / RECORD).read_text()))
    except (OSError, ValueError, TypeError):
        return None
