"""The rows of a Parquet or JSON-lines file, every value exactly as the file has it."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from scope.errors import InputError


class RowFile(NamedTuple):
    """The columns of a file, and its rows; a column that a row lacks is None there or absent."""

    columns: list[str]
    rows: list[dict[str, Any]]


def read_row_file(path: Path) -> RowFile:
    """Read a file. Raises InputError that names it, and the line that is wrong."""
    readers = {".parquet": _read_parquet, ".jsonl": _read_json_lines}
    if path.suffix not in readers:
        raise InputError(f"{path}: give a .parquet or .jsonl file of problems", "unknown-format")
    try:
        return readers[path.suffix](path)
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; data.train and data.benchmarks name files of problems", "no-such-file"
        ) from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path}: not readable ({error})", "unreadable-file") from None


def _read_parquet(path: Path) -> RowFile:
    frame = pl.read_parquet(path)
    short = [name for name, dtype in frame.schema.items() if dtype == pl.Float32]
    # The shortest text of a float32 is the number that was written: 0.1, not 0.10000000149011612.
    frame = frame.with_columns(pl.col(short).cast(pl.String).cast(pl.Float64))
    lists = [name for name, dtype in frame.schema.items() if dtype == pl.List(pl.Float32)]
    frame = frame.with_columns(pl.col(lists).cast(pl.List(pl.String)).cast(pl.List(pl.Float64)))
    return RowFile(frame.columns, list(frame.iter_rows(named=True)))


def _read_json_lines(path: Path) -> RowFile:
    rows = list(_json_rows(path))
    return RowFile(list(dict.fromkeys(column for row in rows for column in row)), rows)


def _json_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows; only a line feed ends a line, and blank lines are none."""
    for number, line in enumerate(path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8"), parse_float=Decimal)
        except UnicodeDecodeError:
            raise InputError(f"{path}: line {number} is not UTF-8; save the file as UTF-8", "unreadable-file") from None
        except json.JSONDecodeError as error:
            raise InputError(
                f"{path}: line {number}, column {error.colno}: not JSON ({error.msg})", "unreadable-file"
            ) from None
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: line {number} is not JSON ({error})", "unreadable-file") from None
        if not isinstance(row, dict):
            raise InputError(f"{path}: line {number} is no JSON object; write one per line", "unreadable-file")
        yield row
