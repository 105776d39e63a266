"""Datasets of the Hugging Face hub: a pinned revision, read from the local cache and downloaded only when asked to.

Parquet and JSON-lines files alone are taken, never code.
"""

import os
import re
from pathlib import Path

from scope.config.data import Hub, ProblemFile
from scope.config.experiment import expand_path
from scope.errors import InputError


def row_files(rows: ProblemFile) -> list[str]:
    """The files of problems that a section names, sorted; those of a dataset have to be in the cache.

    Raises InputError with the command that fetches them.
    """
    if rows.hub:
        return cached_files(rows.hub)
    return [_without_dots(expand_path(rows.path or ""))]


def _without_dots(path: str) -> str:
    """A path that goes up out of the project, as an absolute one: what is made from it can be followed to it."""
    return os.path.abspath(path) if ".." in Path(path).parts else path


def cached_files(hub: Hub) -> list[str]:
    """The dataset's files in the cache, which HF_HOME moves."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    fetch = "fetch it: python scripts/fetch.py --configfile mine.yaml"
    try:
        folder = _snapshot(hub, cached=True)
    except LocalEntryNotFoundError:
        raise InputError(f"{_named(hub)} is not in the Hugging Face cache; {fetch}", "not-downloaded") from None
    files = matching(hub, folder)
    gaps = _missing_parts(files)
    if not files or gaps:
        raise InputError(
            f"{_named(hub)}: {', '.join(gaps) or hub.files} not in the Hugging Face cache; {fetch}", "not-downloaded"
        )
    return files


def fetch(hub: Hub) -> list[str]:
    """Download the dataset's files into the cache, with a progress bar; those that are there stay."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        files = matching(hub, _snapshot(hub))
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"{_named(hub)} cannot be fetched: {reason}; check name, revision, network and HF_TOKEN; "
                         "HF_HUB_OFFLINE must not be set", "download-failed") from None  # fmt: skip
    if not files:
        raise InputError(
            f"{_named(hub)} has no files {hub.files}; look at its list of files on the hub", "no-such-file"
        )
    return files


def matching(hub: Hub, folder: str) -> list[str]:
    """The files below a dataset's folder that the section names, in the order of their names."""
    from huggingface_hub.utils import filter_repo_objects

    there = [str(file.relative_to(folder)) for file in Path(folder).rglob("*") if file.is_file()]
    return [str(Path(folder) / name) for name in sorted(filter_repo_objects(there, allow_patterns=hub.files))]


def _snapshot(hub: Hub, *, cached: bool = False) -> str:
    """The folder of the dataset's files; where `cached`, without the network."""
    from huggingface_hub import snapshot_download

    return snapshot_download(
        hub.dataset, repo_type="dataset", revision=hub.revision, allow_patterns=hub.files, local_files_only=cached
    )


def _named(hub: Hub) -> str:
    return f"the dataset {hub.dataset} at {hub.revision}"


def _missing_parts(files: list[str]) -> list[str]:
    """Missing parts, according to the names of the others, such as train-00001-of-00002.parquet."""
    missing = []
    for file in files:
        match = re.search(r"^(.*-)(\d+)(-of-(\d+)\..*)$", file)
        if match:
            every = [f"{match[1]}{part:0{len(match[2])}d}{match[3]}" for part in range(int(match[4]))]
            missing += [Path(part).name for part in every if part not in files]
    return sorted(set(missing))
