"""The Parquet files that stages hand each other: one writer, one checked reader; schemas/ holds their columns.

Written to a temporary name, flushed, renamed; with page checksums; rows sorted by their keys, so that equal
input gives equal bytes. The schema metadata carries the provenance: the recipe and the digests of the inputs.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from scope.artifacts.atomic import atomic
from scope.artifacts.provenance import parquet_provenance
from scope.artifacts.recipe import make_provenance
from scope.errors import InputError


@dataclass(frozen=True)
class Schema:
    """The columns of one artifact, and the keys that its rows are sorted by, none of them twice."""

    name: str
    columns: pa.Schema
    sort_keys: tuple[str, ...]

    def empty(self) -> pl.DataFrame:
        """A frame with these columns and no rows."""
        return pl.DataFrame(self.columns.empty_table())


def write(
    path: str | Path,
    schema: Schema,
    rows: pl.DataFrame | list[dict[str, Any]],
    *,
    recipe: str,
    inputs: Sequence[str | Path] = (),
    **labels: Any,
) -> None:
    """Write rows atomically, sorted, with checksums and provenance.

    `labels` are further JSON values of the provenance, such as the arm or the temperature of log-probabilities.
    Raises InputError when a column is missing, of another type, null where it may not be, or a key repeats.
    """
    if not isinstance(rows, pl.DataFrame):
        rows = pl.DataFrame(pa.Table.from_pylist(rows, schema=schema.columns))
    table = _conform(rows.sort(schema.sort_keys), schema, str(path))
    provenance = {**make_provenance(recipe, inputs), **labels}
    table = table.replace_schema_metadata(
        {f"scope.{key}": json.dumps(value, sort_keys=True) for key, value in provenance.items()}
    )
    with atomic(path) as temporary:
        pq.write_table(table, temporary, write_page_checksum=True, compression="zstd")


def read(path: str | Path, schema: Schema, columns: list[str] | None = None) -> pl.DataFrame:
    """Read a Parquet file with its checksums verified and its columns checked.

    `columns` (None: all) are the ones to read, the sort keys among them.
    Raises InputError that names the file, and the column where one is to blame.
    """
    try:
        table = pq.read_table(path, columns=columns, page_checksum_verification=True).replace_schema_metadata(None)
        table.validate(full=True)
        rows = pl.DataFrame(table)
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run the stage that writes {schema.name}", "no-such-file") from None
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError, UnicodeError) as error:
        raise InputError(
            f"{path}: not a readable Parquet file ({error}); delete it and run its stage again", "unreadable-file"
        ) from None
    return pl.DataFrame(_conform(rows, schema, str(path), columns))


def read_all(paths: list[str | Path], schema: Schema) -> pl.DataFrame:
    """Read the shards of one artifact as one frame, sorted by its keys."""
    return pl.concat([read(path, schema) for path in paths]).sort(schema.sort_keys)


def metadata(path: str | Path) -> dict[str, Any]:
    """The provenance that a Parquet file carries: recipe, modules, inputs and labels."""
    return parquet_provenance(path)


def _conform(rows: pl.DataFrame, schema: Schema, where: str, names: list[str] | None = None) -> pa.Table:
    fields = pa.schema([schema.columns.field(name) for name in names]) if names else schema.columns
    missing, extra = set(fields.names) - set(rows.columns), set(rows.columns) - set(fields.names)
    if missing or extra:
        raise InputError(
            f"{where}: a {schema.name} file has the columns {fields.names}; missing {sorted(missing)}, "
            f"unknown {sorted(extra)}",
            "wrong-columns",
        )
    columns = []
    for field in fields:
        column = rows[field.name]
        if not field.nullable and column.null_count():
            raise InputError(
                f"{where}: column {field.name!r} is empty in row {column.is_null().arg_true()[0]}", "missing-value"
            )
        try:
            columns.append(column.to_arrow().cast(field.type))
        except (pa.ArrowException, ValueError) as error:
            raise InputError(f"{where}: column {field.name!r} should be {field.type} ({error})", "wrong-type") from None
    keys = list(schema.sort_keys)
    repeated = rows.select(keys).is_duplicated()
    if repeated.any():
        raise InputError(
            f"{where}: {keys} repeat in row {repeated.arg_true()[0]}; every row needs its own", "repeated-key"
        )
    return pa.table(columns, schema=fields)
