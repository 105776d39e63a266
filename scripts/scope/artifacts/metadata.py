"""What a Parquet artifact says of itself, read from its footer alone."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

PREFIX = b"scope."


def parquet_provenance(path: str | Path) -> dict[str, Any]:
    """The provenance in a Parquet file's schema metadata: recipe, modules, inputs and notes."""
    stored = pq.read_schema(path).metadata or {}
    return {key.removeprefix(PREFIX).decode(): json.loads(stored[key]) for key in stored if key.startswith(PREFIX)}
