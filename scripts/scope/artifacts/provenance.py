"""What artifacts record of how they were made: their provenance, read here and nowhere else.

Three kinds of file carry provenance: Parquet files in their schema metadata, folders in their manifest, reports in a
block of JSON. Paths are those of the project root, the working directory of every run. Nothing here needs polars.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scope.artifacts import names
from scope.artifacts.digests import file_digest
from scope.errors import InputError

PREFIX = b"scope."
PARQUET, MANIFEST, REPORT = "Parquet file", "manifest", "report"
REPORT_BLOCK = re.compile(r'<script type="application/json" id="provenance">(.*?)</script>', re.DOTALL)


def kind_of(path: str | Path) -> str:
    """PARQUET, MANIFEST or REPORT, by the file's name; empty for any other file."""
    name = os.path.basename(path)
    return PARQUET if name.endswith(".parquet") else {names.MANIFEST: MANIFEST, names.REPORT: REPORT}.get(name, "")


def read_provenance(path: str | Path) -> dict[str, Any]:
    """The provenance of an artifact: recipe, modules, inputs and labels; empty for a report that records nothing.

    Raises InputError that names the file when it cannot be read.
    """
    readers = {PARQUET: parquet_provenance, MANIFEST: _read_json, REPORT: _read_block}
    with _errors_naming(path):
        provenance = readers[kind_of(path)](path)
        if not isinstance(provenance, dict):
            raise ValueError("its provenance is not a mapping")
    return provenance


def read_whole(path: str | Path) -> dict[str, Any]:
    """What `read_provenance` gives, after every row of a Parquet file was read with its page checksums verified."""
    if kind_of(path) == PARQUET:
        import pyarrow.parquet as pq

        with _errors_naming(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches():
                batch.validate(full=True)
    return read_provenance(path)


def parquet_provenance(path: str | Path) -> dict[str, Any]:
    """The provenance of a Parquet file, from its footer alone."""
    import pyarrow.parquet as pq

    stored = pq.read_schema(path).metadata or {}
    return {key.removeprefix(PREFIX).decode(): json.loads(stored[key]) for key in stored if key.startswith(PREFIX)}


def digest_of(path: str) -> str | None:
    """SHA-256 of a file; None where no readable file lies, or where the path leads out of the project by `..`."""
    if escapes(path) or not os.path.isfile(path):
        return None
    try:
        return file_digest(path)
    except OSError:
        return None


def local(path: str) -> str:
    """The path as seen from the project root: normalised, and relative where it lies inside."""
    return os.path.normpath(path).removeprefix(os.getcwd() + os.sep)


def escapes(path: str) -> bool:
    """Whether a normalised relative path leads out of the folder that it is relative to."""
    return path.split(os.sep)[0] == os.pardir


@contextmanager
def _errors_naming(path: str | Path) -> Iterator[None]:
    """Context: whatever goes wrong in reading `path` becomes an InputError of one line that names it."""
    errors: tuple[type[Exception], ...] = (OSError, ValueError, RecursionError)
    if kind_of(path) == PARQUET:
        import pyarrow as pa

        errors += (pa.ArrowException,)
    try:
        yield
    except errors as error:
        raise InputError(
            f"{path}: not a readable {kind_of(path)} ({' '.join(str(error).split())}); "
            f"restore it, or remove it and make it again by name (snakemake {path})",
            "unreadable-file",
        ) from None


def _read_json(path: str | Path) -> Any:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def _read_block(path: str | Path) -> Any:
    block = REPORT_BLOCK.search(Path(path).read_text(encoding="utf-8"))
    return json.loads(block[1]) if block else {}
