"""A logger for dry runs: collects the planned jobs and explains each in the end (see scripts/why.py)."""

import logging
import re
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from scope.artifacts.recipe_files import planned_recipe
from scope.audit.acceptance import in_force
from scope.audit.explain import Job, explain


class LogHandler(LogHandlerBase):
    """Keeps the engine's record of every planned job, prints errors at once and explanations at the end."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        """No job yet."""
        self.jobs: list[Job] = []
        self.silent = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a planned job; print an error."""
        if getattr(record, "event", None) == LogEvent.JOB_INFO:
            self.jobs.append(planned(record))
        elif record.levelno >= logging.ERROR:
            self.silent = True
            print(record.getMessage(), file=sys.stderr)

    def close(self) -> None:
        """Explain, once; after an error there is nothing to explain."""
        if not self.silent:
            self.silent = True
            for line in explain(self.jobs):
                print(line)
            if not self.jobs:
                print("nothing would run: everything that was asked for is up to date")
            print(*in_force(), sep="\n", end="\n" if in_force() else "")
        super().close()


def planned(record: logging.LogRecord) -> Job:
    """The engine's record of a planned job, with the recipe behind the digest in its command."""
    words = shlex.split(record.shellcmd or "")
    recipe = planned_recipe(Path(words[words.index("--recipe") + 1]).stem) if "--recipe" in words else None
    return Job(record.rule_name, unmarked(record.output), unmarked(record.input), recipe, str(record.reason))


def unmarked(paths: Iterable[str] | None) -> list[str]:
    """Paths without the marks that the engine puts behind some."""
    return [re.sub(r" \([a-z, ]+\)$", "", str(path)) for path in paths or []]
