"""Reading problem files: Parquet or JSON lines, with the columns that the configuration names."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from scope.errors import InputError
from scope.prompts.rows import ProblemRows, RowsSettings, SolutionRows
from scope.verify.boxed import last_box
from scope.verify.code.tests import COLUMNS, read_tests

ROW = "scope.row"
Spec = TypeVar("Spec", bound=ProblemRows)
Value = TypeVar("Value")


def read_rows(paths: Sequence[str | Path], spec: RowsSettings) -> list[dict[str, Any]]:
    """Rows with problem, answer and source as text, for code with tests as JSON.

    Several files are read as one; `row` counts their rows, from 0, before any is left out. Where `spec` names a column
    of tolerances, each row has one: a number, or None for an exact answer. Raises InputError that names the file, and
    the column or row that is missing or empty.
    """
    needed = COLUMNS[spec.tests] if spec.tests else (spec.answer, *filter(None, [spec.tolerance]))
    return [{"row": row[ROW], **read, "source": str(row.get("source") or Path(paths[0]).stem)}
            for row, read in _each(paths, spec, (spec.problem, *needed), _read_row)]  # fmt: skip


def read_problems(paths: Sequence[str | Path], spec: ProblemRows) -> list[tuple[int, str]]:
    """Row and problem text alone of the rows that `read_rows` gives."""
    return [(row[ROW], text) for row, text in _each(paths, spec, (spec.problem,), _read_problem)]


def read_solutions(paths: Sequence[str | Path], spec: SolutionRows) -> list[tuple[str, str]]:
    """Problem and worked solution of each row, as text. Raises InputError as `read_rows` does."""
    return [solved for _, solved in _each(paths, spec, (spec.problem, spec.solution), _read_solution)]


def _each(
    paths: Sequence[str | Path], spec: Spec, asked: Sequence[str], read: Callable[[dict[str, Any], Spec], Value]
) -> Iterator[tuple[dict[str, Any], Value]]:
    """Each row that the configuration chooses, and what `read` makes of it."""
    for row in _chosen(paths, spec, asked).iter_rows(named=True):
        try:
            yield row, read(row, spec)
        except InputError as error:
            raise InputError(f"{_named(paths)}: row {row[ROW]}: {error}", error.code) from None


def _chosen(paths: Sequence[str | Path], spec: ProblemRows, asked: Sequence[str]) -> pl.DataFrame:
    frame = _read_all(paths).with_row_index(ROW)
    where, between = spec.where, spec.between
    for column in (*asked, *where, *between):
        if column not in frame.columns:
            has = frame.columns[1:]
            raise InputError(
                f"{_named(paths)}: no column {column!r}; it has {has}: name the right one in the config",
                "missing-column",
            )
    for column, value in where.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        frame = frame.filter(pl.col(column).cast(pl.String) == pl.lit(text))
    for column, (first, last) in between.items():
        frame = frame.filter(pl.col(column).cast(pl.String).is_between(pl.lit(first), pl.lit(last)))
    if frame.is_empty():
        raise InputError(
            f"{_named(paths)}: no row is left; it is empty, or `where` and `between` leave nothing", "no-rows"
        )
    return frame.head(spec.limit or len(frame))


def _named(paths: Sequence[str | Path]) -> str:
    return f"{paths[0]} and {len(paths) - 1} more, read as one" if len(paths) > 1 else str(paths[0])


def _read_problem(row: dict[str, Any], spec: ProblemRows) -> str:
    return _text(row, spec.problem)


def _read_solution(row: dict[str, Any], spec: SolutionRows) -> tuple[str, str]:
    return _text(row, spec.problem), _text(row, spec.solution)


def _read_row(row: dict[str, Any], spec: RowsSettings) -> dict[str, Any]:
    problem = _text(row, spec.problem)
    if not spec.tests:
        tolerance = {"tolerance": _tolerance(row, spec.tolerance)} if spec.tolerance else {}
        return {"problem": problem, "answer": _answer(row, spec), **tolerance}
    tests = json.dumps(read_tests(spec.tests, problem, row))
    starter = (row.get("starter_code") or "").strip()
    return {"problem": f"{problem}\n\n```python\n{starter}\n```" if starter else problem, "answer": "", "tests": tests}


def _answer(row: dict[str, Any], spec: RowsSettings) -> str:
    text = _text(row, spec.answer)
    if not spec.boxed:
        return text
    box = last_box(text)
    if box is None:
        raise InputError(f"{spec.answer!r} has no \\boxed; remove the row, or leave out `boxed`", "no-box")
    return box


def _tolerance(row: dict[str, Any], column: str) -> float | None:
    text = str(row[column] if row[column] is not None else "").strip()
    try:
        value = float(text) if text else None
    except ValueError:
        value = math.nan
    if value is None or 0 < value < math.inf:
        return value
    raise InputError(
        f"{column!r} is {text!r}; write a positive number, or nothing where the answer is exact", "invalid-value"
    )


def _text(row: dict[str, Any], column: str) -> str:
    value = row[column]
    text = ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
    if not text.strip():
        raise InputError(f"{column!r} is empty; remove the row or fill it in", "missing-value")
    return text


def _read_all(paths: Sequence[str | Path]) -> pl.DataFrame:
    frames = [_read(Path(path)) for path in paths]
    try:
        return pl.concat(frames)
    except pl.exceptions.PolarsError as error:
        raise InputError(
            f"{_named(paths)}: their columns differ ({error}); name files of one kind", "different-columns"
        ) from None


def _read(path: Path) -> pl.DataFrame:
    readers = {".parquet": pl.read_parquet, ".jsonl": pl.read_ndjson}
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
