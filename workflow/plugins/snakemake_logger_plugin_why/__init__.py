"""A logger for dry runs: collects the planned jobs and explains each in the end (see scripts/why.py)."""

import logging
import re
import shlex
import sys

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from scope.audit.explain import Job, explain


class LogHandler(LogHandlerBase):
    """Keeps what the engine says of every planned job, prints errors at once and explanations at the end."""

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
                print("nothing would run: all that was asked for is up to date")
        super().close()


def planned(record: logging.LogRecord) -> Job:
    """The engine's record of a planned job; marks such as ` (missing)` after a path are taken off."""
    words = shlex.split(record.shellcmd or "")
    recipe = words[words.index("--recipe") + 1] if "--recipe" in words else None
    inputs, outputs = ([re.sub(r" \([a-z, ]+\)$", "", str(path)) for path in paths or []]
                       for paths in (record.input, record.output))  # fmt: skip
    return Job(record.rule_name, outputs, inputs, recipe, str(record.reason))
