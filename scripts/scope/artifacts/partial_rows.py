"""Rows of an artifact, saved in part files as they finish."""

from collections.abc import Callable, Iterator, Sequence, Set
from pathlib import Path
from typing import Any

from scope.artifacts import parquet
from scope.artifacts.parquet import Schema
from scope.artifacts.partial import Timer, Unfinished, say
from scope.artifacts.startup import log_startup_time
from scope.errors import InputError

Row = dict[str, Any]
Finish = Callable[[Set[int]], Iterator[tuple[int, Row]]]
EVERY_S = 60.0


def keep_rows(work: Unfinished, name: str, schema: Schema, keys: Sequence[tuple], finish: Finish) -> list[Row]:
    """The row of each of `keys`, in order: values of the schema's sort keys, none twice.

    Rows that an earlier attempt saved are not computed again: `finish` gets their indices, and yields every other row
    with its index as soon as it is done. Yielded rows are saved every few seconds, and also if `finish` raises.
    """
    folder = work.folder / name
    found = _read_parts(work, folder, schema, keys)
    if found:
        say(f"{len(found):,} of {len(keys):,} {name} are kept from an earlier attempt")
    log_startup_time()
    fresh: list[Row] = []
    timer = Timer(EVERY_S)
    try:
        for index, row in finish(frozenset(found)):
            found[index] = row
            fresh.append(row)
            if timer.due():
                _write_part(work, folder, schema, fresh)
                fresh.clear()
                timer.restart()
    finally:
        _write_part(work, folder, schema, fresh)
    return [found[index] for index in range(len(keys))]


def _write_part(work: Unfinished, folder: Path, schema: Schema, rows: list[Row]) -> None:
    if not rows:
        return
    number = max((int(part.stem) for part in folder.glob("*.parquet")), default=0) + 1
    parquet.write(folder / f"{number}.parquet", schema, rows, recipe=work.recipe, identity=work.identity)


def _read_parts(work: Unfinished, folder: Path, schema: Schema, keys: Sequence[tuple]) -> dict[int, Row]:
    """Rows of all parts by the index of their key; a part that is damaged or from another recipe is removed."""
    place = {key: index for index, key in enumerate(keys)}
    found: dict[int, Row] = {}
    for part in folder.glob("*.parquet"):
        try:
            rows = parquet.read(part, schema)
            if parquet.metadata(part).get("identity") != work.identity:
                raise InputError("from other settings, code or inputs", "other-recipe")
        except ValueError:
            say(f"{part} is damaged, or from other settings, code or inputs: it is removed and computed again")
            part.unlink()
            continue
        indices = (place[key] for key in rows.select(schema.sort_keys).rows())
        found.update(zip(indices, rows.to_dicts(), strict=True))
    return found
