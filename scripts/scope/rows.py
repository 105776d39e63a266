"""Reading problem files: Parquet or JSON lines, with the columns that the configuration names."""

from pathlib import Path
from typing import Any

import polars as pl

from scope.errors import InputError


def read_rows(path: str | Path, spec) -> list[dict[str, Any]]:
    """Rows with problem, answer and source as text; `spec` is a configuration's Rows section.

    Raises InputError that names the file, and the column or row that is missing or empty.
    """
    frame = _read(Path(path))
    for column in (spec.problem, spec.answer):
        if column not in frame.columns:
            raise InputError(f"{path}: no column {column!r}; it has {frame.columns}: name the right one in the config")
    if spec.limit:
        frame = frame.head(spec.limit)
    rows = []
    for index, row in enumerate(frame.iter_rows(named=True)):
        problem, answer = row[spec.problem], row[spec.answer]
        if problem is None or not str(problem).strip():
            raise InputError(f"{path}: row {index} has an empty {spec.problem!r}; remove the row or fill it in")
        if answer is None or not str(answer).strip():
            raise InputError(f"{path}: row {index} has an empty {spec.answer!r}; remove the row or fill it in")
        rows.append(
            {"problem": str(problem), "answer": str(answer), "source": str(row.get("source") or Path(path).stem)}
        )
    return rows


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
