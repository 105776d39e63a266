"""Artifacts that an experiment's report no longer uses: leftovers of arms, seeds and settings before a change."""

import os
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property, partial
from shlex import quote

from scope.artifacts.layout import Layout
from scope.artifacts.names import ROUND, SEED
from scope.artifacts.place import artifact_place
from scope.artifacts.provenance import kind_of, local, read_provenance
from scope.audit.lineage import inputs_of
from scope.errors import InputError


class Used:
    """What the report of one experiment was made from, directly or through others."""

    def __init__(self, experiment: str):
        self.report = Layout(experiment).report

    @cached_property
    def artifacts(self) -> set[str]:
        """The report and all artifacts of its lineage; empty without a report that records its inputs."""
        reached: set[str] = set()
        pending = [self.report]
        while pending:
            path = pending.pop()
            if path not in reached and (inputs := _inputs(path)):
                reached.add(path)
                pending.extend(map(local, inputs))
        return reached

    def is_leftover(self, path: str) -> bool:
        """Whether an artifact is older than the report and not in its lineage; newer ones may belong to a later run."""
        if not self.artifacts or path in self.artifacts:
            return False
        return os.path.getmtime(path) < os.path.getmtime(self.report)

    def leftover_lines(self, audited: str, paths: Iterable[str], outdated: set[str]) -> list[str]:
        """A line for every leftover at or below an audited folder, with the command that removes it.

        These are folders of arms, seeds and rounds that hold nothing else, and artifacts of other folders whose inputs
        were made again (`outdated`).
        """
        folders = self._folders(audited, paths)
        inside = {path for found in folders.values() for path in found}
        why = f"used by no arm of {self.report}"
        lines = [
            f"{folder}: {len(found)} artifact{'' if len(found) == 1 else 's'}, {why}; to remove: rm -r {quote(folder)}"
            for folder, found in sorted(folders.items())
        ]
        return lines + [f"{path}: {why}; to remove: rm {quote(path)}" for path in sorted(outdated - inside)]

    def _folders(self, audited: str, paths: Iterable[str]) -> dict[str, list[str]]:
        """The widest folders of arms, seeds and rounds in which every artifact is a leftover, with these."""
        below: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            for folder in filter(partial(_is_below, audited), _folders(path)):
                below[folder].append(path)
        unused = {folder: found for folder, found in below.items() if all(map(self.is_leftover, found))}
        return {folder: found for folder, found in unused.items() if not unused.keys() & set(_above(folder))}


def _inputs(path: str) -> dict[str, str]:
    """The inputs that an artifact records; empty for what is none or cannot be read, which the audit names."""
    try:
        return inputs_of(read_provenance(path)) if kind_of(path) and os.path.isfile(path) else {}
    except InputError:
        return {}


def _folders(path: str) -> list[str]:
    """The folders of a path's arm or shared rollouts, seed and round."""
    place = artifact_place(path)
    if place.seed is None:
        return []
    parts = [Layout(place.experiment).root, str(place.folder), f"{SEED}{place.seed}"]
    parts += [f"{ROUND}{place.round}"] if place.round else []
    return ["/".join(parts[:end]) for end in range(2, len(parts) + 1)]


def _is_below(folder: str, path: str) -> bool:
    return path == folder or path.startswith(f"{folder}{os.sep}")


def _above(folder: str) -> list[str]:
    parts = folder.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]
