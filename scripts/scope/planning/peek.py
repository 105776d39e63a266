"""What can be learned cheaply of a file of problems while planning: its columns, and whether it has enough rows.

The stages read these files with polars (scope/prompts/row_files.py), which planning does not import.
"""

import json
from collections.abc import Collection, Iterator
from pathlib import Path

from scope.errors import InputError

LARGEST = 32_000_000
"""Bytes of a JSON-lines file up to which all its lines are read for a column; longer files are left to the stage."""

_MARK = b"\xef\xbb\xbf"


def count_rows(path: str, most: int) -> int:
    """The rows of a Parquet or JSON-lines file; of JSON lines at most `most` are counted."""
    if path.endswith(".parquet"):
        return _parquet(path)[0]
    return sum(1 for _, _ in zip(_lines(path), range(most), strict=False))


def columns_of(path: str, wanted: Collection[str]) -> list[str] | None:
    """The columns of a Parquet or JSON-lines file; of JSON lines those up to the row where all `wanted` were found.

    None where reading takes long, or a line is not valid: the stage that reads the file names it.
    """
    if path.endswith(".parquet"):
        return _parquet(path)[1]
    if Path(path).stat().st_size > LARGEST:
        return None
    columns: dict[str, None] = {}
    try:
        for line in _lines(path):
            columns.update(dict.fromkeys(json.loads(line)))
            if columns.keys() >= set(wanted):
                break
    except (ValueError, TypeError, RecursionError):
        return None
    return list(columns)


def row_bytes(path: str) -> int:
    """Bytes of the rows of a Parquet or JSON-lines file, uncompressed."""
    return _parquet(path)[2] if path.endswith(".parquet") else Path(path).stat().st_size


def _lines(path: str) -> Iterator[bytes]:
    """The lines of a JSON-lines file that are not blank."""
    with open(path, "rb") as file:
        for number, line in enumerate(file):
            text = line if number else line.removeprefix(_MARK)
            if text.strip():
                yield text


def _parquet(path: str) -> tuple[int, list[str], int]:
    """Number of rows, columns, and bytes without compression."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            groups = map(file.metadata.row_group, range(file.metadata.num_row_groups))
            size = sum(group.total_byte_size for group in groups)
            return file.metadata.num_rows, file.schema_arrow.names, size
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{path}: not a readable Parquet file ({' '.join(str(error).split())}); download or write it again",
            "unreadable-file",
        ) from None
