"""What is deleted when a round is over, and where deleted policies are recomputed from.

Only the files behind a manifest are deleted, never the manifest: it still records what the files were, so that
nothing that was made from them is out of date. A policy that is needed again is recomputed next to it, under
`restored/`, from the nearest round whose policy and optimizer state both exist.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from scope.artifacts.folder import read_manifest
from scope.planning.retire_recipe import RetentionSettings


def keeps(every: int, round_: int) -> bool:
    """Whether a round before the last one keeps what is kept every so many rounds."""
    return every > 0 and round_ % every == 0


def is_there(manifest: str | Path) -> bool:
    """Whether every file behind a manifest exists; False also without a manifest."""
    path = Path(manifest)
    return path.is_file() and all((path.parent / name).is_file() for name in read_manifest(path)["files"])


def is_retired(manifest: str | Path) -> bool:
    """Whether the files behind a manifest were deleted."""
    return Path(manifest).is_file() and not is_there(manifest)


def drop(manifest: str | Path) -> list[str]:
    """Delete the files behind a manifest, those already gone included in the answer: their paths."""
    folder = Path(manifest).parent
    dropped = drop_files(folder / name for name in read_manifest(manifest)["files"])
    for emptied in sorted({Path(file).parent for file in dropped} - {folder}, reverse=True):
        if emptied.is_dir() and not any(emptied.iterdir()):
            emptied.rmdir()
    return dropped


def drop_files(files: Iterable[str | Path]) -> list[str]:
    """Delete files; returns all their paths."""
    paths = [Path(file) for file in files]
    for path in paths:
        path.unlink(missing_ok=True)
    return [str(path) for path in paths]


def policies_to_drop(
    retention: RetentionSettings, round_: int, accuracy: Mapping[int, float], started_from: Collection[int] = ()
) -> list[int]:
    """Rounds whose policies go when `round_` is over: it, and a best one that has been overtaken.

    `accuracy` of the evaluated rounds so far, where the best is kept; of two alike the later one is. Policies that
    other arms start from stay.
    """
    best = max(accuracy, key=lambda evaluated: (accuracy[evaluated], evaluated)) if accuracy else None
    return [
        candidate
        for candidate in sorted({round_, *accuracy})
        if candidate not in {best, *started_from} and not keeps(retention.keep_policies_every, candidate)
    ]
