"""Reading problem files: Parquet or JSON lines, with the columns that the configuration names."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from scope.errors import InputError
from scope.prompts.row_files import RowFile, read_row_file
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
    for row in _chosen(paths, spec, asked):
        try:
            for column in (*asked, "source", "starter_code"):
                _check_characters(row.get(column), column)
            yield row, read(row, spec)
        except InputError as error:
            raise InputError(f"{_named(paths)}: row {row[ROW]}: {error}", error.code) from None


def _chosen(paths: Sequence[str | Path], spec: ProblemRows, asked: Sequence[str]) -> list[dict[str, Any]]:
    """The rows that the configuration chooses, each with all that is asked for and with its number as ROW."""
    columns, rows = _read_all(paths)
    for column in (*asked, *spec.where, *spec.between):
        if column not in columns:
            raise InputError(
                f"{_named(paths)}: no column {column!r}; it has {columns}: name the right one in the config",
                "missing-column",
            )
    empty = dict.fromkeys(columns)
    chosen = [{ROW: number, **empty, **row} for number, row in enumerate(rows) if _is_chosen(row, spec)]
    if not chosen:
        raise InputError(
            f"{_named(paths)}: no row is left; it is empty, or `where` and `between` leave nothing", "no-rows"
        )
    chosen = chosen[: spec.limit or len(chosen)]
    _check_lists(paths, chosen, asked)
    return chosen


def _is_chosen(row: dict[str, Any], spec: ProblemRows) -> bool:
    equal = all(_plain(row.get(column)) == _plain(value) for column, value in spec.where.items())
    return equal and all(
        (text := _plain(row.get(column))) is not None and first <= text <= last
        for column, (first, last) in spec.between.items()
    )


def _plain(value: Any) -> str | None:
    """A value as `where` and `between` compare it; None for nothing."""
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _check_lists(paths: Sequence[str | Path], rows: list[dict[str, Any]], asked: Sequence[str]) -> None:
    """Raise InputError for a list in a column that has other values, too: its file is damaged, or mixes two forms."""
    for column in asked:
        lists = [row for row in rows if isinstance(row[column], list)]
        if lists and any(row[column] is not None and not isinstance(row[column], list) for row in rows):
            raise InputError(
                f"{_named(paths)}: row {lists[0][ROW]}: {column!r} is a list, in other rows it is not; write text, or "
                "lists in all rows",
                "invalid-value",
            )


def _check_characters(value: Any, column: str) -> None:
    try:
        if isinstance(value, str):
            value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"{column!r} has half a character, U+{ord(error.object[error.start]):04X}, at {error.start}; repair it",
            "invalid-value",
        ) from None


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
    text = ", ".join(_item(item, column) for item in value) if isinstance(value, list) else _item(value, column)
    if value is None:
        has = ", ".join(name for name, other in row.items() if other is not None and name != ROW)
        raise InputError(f"it has no {column!r} but {has or 'nothing'}; remove the row or fill it in", "missing-value")
    if not text.strip():
        raise InputError(f"{column!r} is empty; remove the row or fill it in", "missing-value")
    return text


def _item(value: Any, column: str) -> str:
    """Text, or a number with the digits that the file has; nothing for null and for what is not a number."""
    if isinstance(value, (dict, list, bytes)):
        kind = {dict: "a mapping", list: "a list in a list", bytes: "bytes"}[type(value)]
        raise InputError(f"{column!r} is {kind}; write text, a number or a list of these", "invalid-value")
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _read_all(paths: Sequence[str | Path]) -> RowFile:
    files = [read_row_file(Path(path)) for path in paths]
    columns = files[0].columns
    for path, file in zip(paths, files, strict=True):
        differ = set(columns) ^ set(file.columns)
        if differ:
            raise InputError(
                f"{_named(paths)}: their columns differ ({path}: {', '.join(sorted(differ))}); name files of one kind",
                "different-columns",
            )
    return RowFile(columns, [row for file in files for row in file.rows])
