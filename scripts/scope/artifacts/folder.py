"""Folders as artifacts: a manifest, written last, names every file and its digest.

The manifest is what rules declare and what readers open; a folder without one was never finished.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scope.artifacts.atomic import atomic
from scope.artifacts.digests import file_digests
from scope.artifacts.names import LINK, MANIFEST, RESTORED, RETIRED
from scope.artifacts.provenance import read_provenance
from scope.artifacts.recipe import make_provenance
from scope.errors import InputError


def empty_folder(manifest: str | Path) -> Path:
    """An empty folder to fill, where `manifest` will lie; leftovers of an unfinished attempt are removed."""
    folder = Path(manifest).parent
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def write_manifest(
    manifest: str | Path,
    *,
    recipe: str,
    inputs: Sequence[str | Path] = (),
    **labels: Any,
) -> None:
    """Write the manifest of the filled folder that it lies in."""
    root = Path(manifest).parent
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.name != MANIFEST)
    digests = {str(Path(path).relative_to(root)): digest for path, digest in file_digests(files).items()}
    _write(manifest, ".", digests, {**make_provenance(recipe, inputs), **labels})


def write_manifest_elsewhere(
    manifest: str | Path, folder: str | Path, digests: Mapping[str, str], *, recipe: str
) -> None:
    """Write the manifest of some files of a `folder` kept elsewhere, given their digests.

    The manifest names a link beside it: where the folder is moved, the link follows and the manifest stays as it is.
    """
    link_folder(manifest, folder)
    _write(manifest, LINK, digests, make_provenance(recipe, []))


def link_folder(manifest: str | Path, folder: str | Path) -> None:
    """Let the link beside a manifest lead to a folder, in one step."""
    link, target = link_of(manifest), Path(folder).resolve()
    if not (link.is_symlink() and Path(os.readlink(link)) == target):
        link.parent.mkdir(parents=True, exist_ok=True)
        new = link.with_name(f".{link.name}.tmp-{os.getpid()}")
        new.unlink(missing_ok=True)
        new.symlink_to(target, target_is_directory=True)
        os.replace(new, link)


def link_of(manifest: str | Path) -> Path:
    """The link beside the manifest of a folder kept elsewhere."""
    return Path(manifest).parent / LINK


def _write(manifest: str | Path, folder: str, digests: Mapping[str, str], provenance: Mapping[str, Any]) -> None:
    content = {"folder": folder, "files": dict(digests), **provenance}
    with atomic(manifest) as temporary:
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def open_folder(manifest: str | Path) -> Path:
    """The folder behind a manifest, every file checked against its digest."""
    folder = folder_of(manifest)
    listed = {str(folder / name): digest for name, digest in read_manifest(manifest)["files"].items()}
    for path in listed:
        if not Path(path).is_file():
            raise InputError(f"{path}: missing, though {manifest} lists it; {_remedy(manifest)}", "missing-file")
    for path, digest in file_digests(listed).items():
        if digest != listed[path]:
            raise InputError(
                f"{path}: not the file that {manifest} lists; restore it, or delete the manifest", "changed-file"
            )
    return folder


def _remedy(manifest: str | Path) -> str:
    """What to do where a listed file is missing."""
    place = Path(manifest).parent
    if (place.parent / RETIRED).is_file():
        again = place.parent / RESTORED / place.name / MANIFEST
        return f"the retention policy deleted it: `snakemake {again}` recomputes it"
    return "delete the manifest and run again"


def folder_of(manifest: str | Path) -> Path:
    """The folder behind a manifest that has been opened before: nothing is checked again."""
    return Path(manifest).parent / read_manifest(manifest)["folder"]


def read_manifest(manifest: str | Path) -> dict[str, Any]:
    """A manifest's content."""
    if not Path(manifest).exists():
        raise InputError(f"{manifest}: not found; run the stage that makes this folder", "no-such-file")
    return read_provenance(manifest)
