"""How the jobs of an experiment reach its teacher servers, by the configuration."""

import os

from scope.artifacts.layout import Layout
from scope.errors import InputError
from scope.score.connection import Connection


def connection_of(teacher, experiment: str) -> Connection | None:
    """That of the configuration's section `teacher`; None where no server is used."""
    server = teacher.server
    if server is None:
        return None
    return Connection(
        server.endpoints,
        teacher.managed.folder or Layout(experiment).shared.endpoints,
        os.path.expanduser(server.key_file),
        server.timeout_s,
        server.attempts,
        server.concurrency,
        server.patience_s,
    )


def need_connection(teacher, experiment: str) -> Connection:
    """As `connection_of`. Raises InputError where no server is used."""
    connection = connection_of(teacher, experiment)
    if connection is None:
        raise InputError("teacher.backend is in_process, which has no server", "other-backend")
    return connection
