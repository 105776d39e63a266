"""Every row of small files of problems, read while planning: a wrong row far down stops a run before its first job."""

import json
from collections.abc import Sequence

from scope.config.data import ProblemFile, Rows, Solutions
from scope.errors import InputError
from scope.planning.files import Files
from scope.planning.plan import Plan
from scope.planning.take import take
from scope.prompts.rows import RowsSettings, SolutionRows

LARGEST = 50_000_000
"""Bytes of the files of a section, uncompressed, up to which all rows are read here; beyond, the stage reads them."""


def check_all_rows(plan: Plan, key: str, rows: ProblemFile, paths: Sequence[str], made: str, recipe: str) -> None:
    """Raise InputError that names key, file and row where a row cannot be read.

    `made` is what the stage that reads them writes: where it was made by `recipe`, its rows were read before.
    """
    if _is_made(plan.files, made, recipe) or sum(map(plan.files.row_bytes, paths)) > LARGEST:
        return
    from scope.prompts.read import read_rows, read_solutions  # with polars, which planning needs only here

    try:
        if isinstance(rows, Rows):
            read_rows(paths, take(RowsSettings, rows, content=[]))
        elif isinstance(rows, Solutions):
            read_solutions(paths, take(SolutionRows, rows, content=[]))
    except InputError as error:
        raise InputError(f"{key}: {error}", error.code) from None


def _is_made(files: Files, path: str, recipe: str) -> bool:
    return files.exists(path) and files.provenance(path).get("recipe") == json.loads(recipe)
