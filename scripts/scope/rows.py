"""Reading problem files: Parquet or JSON lines, with the columns that the configuration names."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from scope.code_tests import COLUMNS, read_tests
from scope.errors import InputError


def read_rows(path: str | Path, spec) -> list[dict[str, Any]]:
    """Rows with problem, answer and source as text, for code with tests as JSON; `spec` is a configuration's Rows.

    Raises InputError that names the file, and the column or row that is missing or empty.
    """
    frame = _read(Path(path))
    asked = (spec.problem, *(COLUMNS[spec.tests] if spec.tests else (spec.answer,)))
    for column in asked:
        if column not in frame.columns:
            raise InputError(f"{path}: no column {column!r}; it has {frame.columns}: name the right one in the config")
    if spec.limit:
        frame = frame.head(spec.limit)
    rows = []
    for index, row in enumerate(frame.iter_rows(named=True)):
        try:
            rows.append({**_read_row(row, spec), "source": str(row.get("source") or Path(path).stem)})
        except InputError as error:
            raise InputError(f"{path}: row {index}: {error}") from None
    return rows


def _read_row(row: dict[str, Any], spec) -> dict[str, Any]:
    problem = _text(row, spec.problem)
    if not spec.tests:
        return {"problem": problem, "answer": _text(row, spec.answer)}
    tests = json.dumps(read_tests(spec.tests, problem, row))
    starter = (row.get("starter_code") or "").strip()
    return {"problem": f"{problem}\n\n```python\n{starter}\n```" if starter else problem, "answer": "", "tests": tests}


def _text(row: dict[str, Any], column: str) -> str:
    if row[column] is None or not str(row[column]).strip():
        raise InputError(f"{column!r} is empty; remove the row or fill it in")
    return str(row[column])


def _read(path: Path) -> pl.DataFrame:
    readers = {".parquet": pl.read_parquet, ".jsonl": pl.read_ndjson}
    if path.suffix not in readers:
        raise InputError(f"{path}: give a .parquet or .jsonl file of problems")
    try:
        return readers[path.suffix](path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; data.train and data.benchmarks name files of problems") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path}: not readable ({error})") from None
