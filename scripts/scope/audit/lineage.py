"""What artifacts record of their making, and the tree of what one was made from.

Three kinds of file carry provenance: Parquet files in their schema metadata, folders in their manifest, pages in a
block of JSON. Paths are those of the project root, the working directory of every run. Nothing here needs polars.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scope.artifacts import names
from scope.artifacts.digests import file_digest, value_digest
from scope.errors import InputError

PARQUET, MANIFEST, PAGE = "Parquet file", "manifest", "page"
PAGE_BLOCK = re.compile(r'<script type="application/json" id="provenance">(.*?)</script>', re.DOTALL)
SHORT = 12


def kind_of(path: str) -> str | None:
    """PARQUET, MANIFEST or PAGE, by the file's name; None for any other file."""
    if path.endswith(".parquet"):
        return PARQUET
    return {names.MANIFEST: MANIFEST, names.REPORT: PAGE}.get(os.path.basename(path))


def local(path: str) -> str:
    """The path as seen from the project root: normalised, and relative where it lies inside."""
    return os.path.normpath(path).removeprefix(os.getcwd() + os.sep)


def escapes(path: str) -> bool:
    """Whether a normalised relative path leads out of the folder that it is relative to."""
    return path.split(os.sep)[0] == os.pardir


def digest_of(path: str) -> str | None:
    """SHA-256 of a file; None where no readable file lies, or where the path leads out of the project by `..`."""
    if escapes(path) or not os.path.isfile(path):
        return None
    try:
        return file_digest(path)
    except OSError:
        return None


@contextmanager
def errors_naming(path: str) -> Iterator[None]:
    """Context: whatever goes wrong in reading `path` becomes an InputError of one line that names it."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        advice = "restore it, or delete it and run again"
        raise InputError(f"{path}: not a readable {kind_of(path)} ({reason}); {advice}") from None


def read_provenance(path: str) -> dict[str, Any]:
    """What an artifact carries: recipe, modules, inputs, notes; empty for a page that records nothing.

    Raises InputError that names the file when it cannot be read.
    """
    readers = {PARQUET: _read_schema, MANIFEST: _read_manifest, PAGE: _read_page}
    with errors_naming(path):
        facts = readers[kind_of(path)](path)
        if not isinstance(facts, dict):
            raise ValueError("its provenance is no mapping")
    return facts


def read_whole(path: str) -> dict[str, Any]:
    """What `read_provenance` gives, after every row of a Parquet file was read with its page checksums verified."""
    if kind_of(path) == PARQUET:
        import pyarrow.parquet as pq

        with errors_naming(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches():
                batch.validate(full=True)
    return read_provenance(path)


def _read_schema(path: str) -> dict[str, Any]:
    from scope.artifacts.metadata import parquet_provenance

    return parquet_provenance(path)


def _read_manifest(path: str) -> Any:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def _read_page(path: str) -> Any:
    block = PAGE_BLOCK.search(Path(path).read_text(encoding="utf-8"))
    return json.loads(block[1]) if block else {}


def are_digests(value: Any, digits: int = 64) -> bool:
    """Whether a value read from JSON maps printable names to digests of so many hexadecimal digits."""
    if not isinstance(value, dict):
        return False
    return all(name.isprintable() and isinstance(digest, str) and re.fullmatch(f"[0-9a-f]{{{digits}}}", digest)
               for name, digest in value.items())  # fmt: skip


def inputs_of(facts: dict[str, Any]) -> dict[str, str]:
    """The recorded digest of each input; empty where the record is not of that form."""
    return facts["inputs"] if are_digests(facts.get("inputs")) else {}


def gaps(facts: dict[str, Any]) -> list[str]:
    """What an artifact's provenance lacks to say in full what made it."""
    recipe = _recipe(facts)
    there = {
        "recipe.code": isinstance(recipe.get("code"), str) and recipe["code"],
        "recipe.script": isinstance(recipe.get("script"), str) and recipe["script"],
        "recipe.settings": isinstance(recipe.get("settings"), dict),
        "modules": are_digests(facts.get("modules"), 16) and facts["modules"],
        "inputs": are_digests(facts.get("inputs")),
    }
    return [name for name in there if not there[name]]


def dropped_files(experiment: str) -> frozenset[str]:
    """The files that the experiment's retired.json files say were deleted on purpose.

    Raises InputError that names a retired.json which does not say so.
    """
    dropped: set[str] = set()
    for path in sorted(Path(experiment).rglob(names.RETIRED)):
        try:
            dropped.update(map(local, json.loads(path.read_text(encoding="utf-8"))["dropped"]))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            raise InputError(f"{path}: lists no dropped files; restore it, or delete it") from None
    return frozenset(dropped)


def tree(path: str) -> Iterator[str]:
    """Lines of the tree of what one artifact was made from, each file in full once, then its own settings.

    Raises InputError when `path` is no artifact or cannot be read.
    """
    top = local(path)
    if not kind_of(top) or not os.path.isfile(top):
        raise InputError(f"{path}: no artifact; name a .parquet file, a folder's manifest.json or a report.html")
    facts = read_provenance(top)
    seen: set[str] = set()
    pending = [(0, top, "")]
    while pending:
        depth, file, recorded = pending.pop()
        if file in seen:
            yield f"{'  ' * depth}{file}  {recorded[:SHORT]}  (above)"
            continue
        seen.add(file)
        line, inputs = _describe(file, recorded)
        yield "  " * depth + line
        pending.extend((depth + 1, local(given), digest) for given, digest in sorted(inputs.items(), reverse=True))
    yield from _settings(facts)


def _describe(path: str, recorded: str) -> tuple[str, dict[str, str]]:
    """A file's line, and its inputs."""
    digest = digest_of(path)
    if digest is None:
        return f"{path}  {recorded[:SHORT]}  (not there)", {}
    words = [path, digest[:SHORT]]
    if recorded not in ("", digest):
        words.append(f"(was {recorded[:SHORT]} when used)")
    try:
        facts = read_provenance(path) if kind_of(path) else {}
    except InputError:
        return "  ".join([*words, "(not readable)"]), {}
    return "  ".join([*words, *_maker(facts)]), inputs_of(facts)


def _recipe(facts: dict[str, Any]) -> dict[str, Any]:
    return facts["recipe"] if isinstance(facts.get("recipe"), dict) else {}


def _maker(facts: dict[str, Any]) -> list[str]:
    recipe = _recipe(facts)
    if not recipe:
        return []
    whole = value_digest(recipe)
    script = str(recipe.get("script", "(script not recorded)"))
    return [script, f"code {str(recipe.get('code'))[:SHORT]}", f"recipe {whole[:SHORT]}"]


def _settings(facts: dict[str, Any]) -> list[str]:
    settings = _recipe(facts).get("settings")
    settings = settings if isinstance(settings, dict) else {}
    return [f"{key}: {json.dumps(value, sort_keys=True)}" for key, value in sorted(settings.items())]
