"""Checks that a stage uses files of its own arm, seed and round, by the labels of each artifact."""

from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scope.artifacts.folder import read_manifest
from scope.artifacts.names import SHARED
from scope.artifacts.provenance import parquet_provenance
from scope.errors import InputError


def check_files(paths: Iterable[str | Path], place: Namespace, *, shared: bool = False) -> None:
    """Make sure that Parquet files are of the arm, seed and round of `place`, or with `shared` of no arm alone.

    Raises InputError for the first file of another place.
    """
    arms = {place.arm, SHARED} if shared else {place.arm}
    for path in paths:
        _check(path, parquet_provenance(path), arm=arms, seed={place.seed}, round={place.round})


def check_policy(manifest: str | Path, arm: str, seed: int | None, round_: int | None) -> None:
    """Make sure that a policy or state is the one after `round_` of an arm and seed.

    A model that no round made, such as the base policy, carries no such notes. Raises InputError for one of another
    place.
    """
    notes = read_manifest(manifest)
    if "round" in notes:
        _check(manifest, notes, arm={arm}, seed={seed}, round={round_})


def _check(path: str | Path, notes: dict[str, Any], **wanted: set[Any]) -> None:
    for key, allowed in wanted.items():
        if notes.get(key) not in allowed:
            raise InputError(
                f"{path}: made as {key} {notes.get(key)}, used as {key} "
                f"{' or '.join(map(str, sorted(allowed)))}; put the right file back, or delete it and run again",
                "other-label",
            )
