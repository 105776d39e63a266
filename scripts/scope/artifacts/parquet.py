"""The Parquet files that stages hand each other: their columns, one writer, one checked reader.

Written to a temporary name, flushed, renamed; with page checksums; rows sorted by their keys, so that equal
input gives equal bytes. The schema metadata carries the recipe and the digests of the inputs.
"""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from scope.artifacts.atomic import atomic
from scope.artifacts.metadata import parquet_provenance
from scope.artifacts.recipe import make_provenance
from scope.errors import InputError

_key = [pa.field("prompt_id", pa.string(), False), pa.field("sample_index", pa.int32(), False)]
_ids = pa.list_(pa.field("element", pa.int32(), False))
_logprobs = pa.list_(pa.field("element", pa.float32(), False))

# What one optimizer step logs, in the order of the report; null where the method has no such figure.
METRICS = (
    "loss", "loss_mle", "loss_nll", "loss_opd", "loss_pg", "share_correct",
    "ppl_student_correct", "ppl_student_incorrect", "ppl_teacher_incorrect", "ess_correct", "ess_incorrect",
    "advantage_incorrect", "advantage_incorrect_positive", "entropy", "response_tokens", "truncated",
    "ratio_mean", "ratio_max", "clipped", "kl_reference", "engine_gap_mean", "engine_gap_max",
    "grad_norm", "learning_rate",
)  # fmt: skip

SCHEMAS: dict[str, pa.Schema] = {
    "prompts": pa.schema([
        pa.field("prompt_id", pa.string(), False), pa.field("problem", pa.string(), False),
        pa.field("answer", pa.string(), False), pa.field("source", pa.string(), False),
        pa.field("domain", pa.string(), False), pa.field("tests", pa.string()),
        pa.field("tolerance", pa.float64()),
        pa.field("prompt_token_ids", _ids, False)]),
    "faults": pa.schema([
        pa.field("row", pa.int32(), False), pa.field("fault", pa.string(), False),
        pa.field("fate", pa.string(), False), pa.field("detail", pa.string(), False),
        pa.field("problem", pa.string(), False)]),
    "rollouts": pa.schema([
        *_key, pa.field("response_token_ids", _ids, False), pa.field("response_text", pa.string(), False),
        pa.field("logprobs", _logprobs, False), pa.field("finish_reason", pa.string(), False)]),
    "verdicts": pa.schema([
        *_key, pa.field("correct", pa.bool_(), False), pa.field("extracted", pa.string()),
        pa.field("reason", pa.string(), False)]),
    "scores": pa.schema([*_key, pa.field("teacher_logprobs", _logprobs)]),
    "batch": pa.schema([
        pa.field("step", pa.int32(), False), *_key, pa.field("prompt_token_ids", _ids, False),
        pa.field("response_token_ids", _ids, False), pa.field("logprobs", _logprobs),
        pa.field("scorer_logprobs", _logprobs), pa.field("correct", pa.bool_(), False),
        pa.field("truncated", pa.bool_(), False), pa.field("path", pa.string(), False),
        pa.field("loss", pa.string(), False), pa.field("weight", pa.float64(), False),
        pa.field("advantage", pa.float64()), pa.field("normaliser", pa.float64(), False)]),
    "metrics": pa.schema([
        pa.field("round", pa.int32(), False), pa.field("step", pa.int32(), False),
        *(pa.field(name, pa.float64()) for name in METRICS)]),
    "evaluation": pa.schema([
        pa.field("sampling", pa.string(), False), pa.field("benchmark", pa.string(), False),
        pa.field("problem_id", pa.string(), False), pa.field("sample_index", pa.int32(), False),
        pa.field("correct", pa.bool_(), False), pa.field("reason", pa.string(), False),
        pa.field("tokens", pa.int32(), False), pa.field("finish_reason", pa.string(), False),
        pa.field("extracted", pa.string()), pa.field("response_text", pa.string(), False)]),
    "checks": pa.schema([
        pa.field("check", pa.string(), False), pa.field("passed", pa.bool_(), False),
        pa.field("detail", pa.string(), False)]),
}  # fmt: skip

SORT_KEYS = {
    "prompts": ["prompt_id"], "faults": ["row", "fault"], "rollouts": ["prompt_id", "sample_index"],
    "verdicts": ["prompt_id", "sample_index"],
    "scores": ["prompt_id", "sample_index"], "batch": ["step", "prompt_id", "sample_index"],
    "metrics": ["round", "step"], "evaluation": ["sampling", "benchmark", "problem_id", "sample_index"],
    "checks": ["check"],
}  # fmt: skip


def write(
    path: str | Path,
    kind: str,
    rows: pl.DataFrame | list[dict[str, Any]],
    *,
    recipe: str,
    inputs: list[str | Path] = (),
    **notes: Any,
) -> None:
    """Write rows of one `kind` (a key of SCHEMAS) atomically, sorted, with checksums and provenance.

    `notes` are further JSON values for the schema metadata, such as the temperature of log-probabilities.
    Raises InputError when a column is missing, of another type, null where it may not be, or a key repeats.
    """
    if not isinstance(rows, pl.DataFrame):
        rows = pl.from_arrow(pa.Table.from_pylist(rows, schema=SCHEMAS[kind]))
    table = _conform(rows.sort(SORT_KEYS[kind]), kind, str(path))
    facts = {**make_provenance(recipe, list(inputs)), **notes}
    table = table.replace_schema_metadata({f"scope.{key}": json.dumps(facts[key], sort_keys=True) for key in facts})
    with atomic(path) as temporary:
        pq.write_table(table, temporary, write_page_checksum=True, compression="zstd")


def read(path: str | Path, kind: str, columns: list[str] | None = None) -> pl.DataFrame:
    """Read a Parquet file of one `kind` with its checksums verified and its columns checked.

    `columns` (None: all) are the ones to read, the keys of the kind among them.
    Raises InputError that names the file, and the column where one is to blame.
    """
    try:
        table = pq.read_table(path, columns=columns, page_checksum_verification=True).replace_schema_metadata(None)
        table.validate(full=True)
        rows = pl.from_arrow(table)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run the stage that writes {kind}") from None
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError, UnicodeError) as error:
        raise InputError(f"{path}: not a readable Parquet file ({error}); delete it and run its stage again") from None
    return pl.from_arrow(_conform(rows, kind, str(path), columns))


def read_all(paths: list[str | Path], kind: str) -> pl.DataFrame:
    """Read the shards of one artifact as one frame, sorted by its keys."""
    return pl.concat([read(path, kind) for path in paths]).sort(SORT_KEYS[kind])


def metadata(path: str | Path) -> dict[str, Any]:
    """The provenance that a Parquet file carries: recipe, modules, inputs and notes."""
    return parquet_provenance(path)


def _conform(rows: pl.DataFrame, kind: str, where: str, columns: list[str] | None = None) -> pa.Table:
    schema = pa.schema([SCHEMAS[kind].field(name) for name in columns]) if columns else SCHEMAS[kind]
    missing, extra = set(schema.names) - set(rows.columns), set(rows.columns) - set(schema.names)
    if missing or extra:
        raise InputError(f"{where}: a {kind} file has the columns {schema.names}; missing {sorted(missing)}, "
                         f"unknown {sorted(extra)}")  # fmt: skip
    columns = []
    for field in schema:
        column = rows[field.name]
        if not field.nullable and column.null_count():
            raise InputError(f"{where}: column {field.name!r} is empty in row {column.is_null().arg_true()[0]}")
        try:
            columns.append(column.to_arrow().cast(field.type))
        except (pa.ArrowException, ValueError) as error:
            raise InputError(f"{where}: column {field.name!r} should be {field.type} ({error})") from None
    repeated = rows.select(SORT_KEYS[kind]).is_duplicated()
    if repeated.any():
        raise InputError(f"{where}: {SORT_KEYS[kind]} repeat in row {repeated.arg_true()[0]}; every row needs its own")
    return pa.table(columns, schema=schema)
