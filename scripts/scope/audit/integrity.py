"""Whether every artifact is the one that was made in its place: digests, its labels, and where its inputs come from.

A link is a recorded digest, of an input or of a file in a sealed folder, that is compared with the file as it is now.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from scope.artifacts.digests import value_digest
from scope.artifacts.layout import Layout
from scope.artifacts.listing import artifacts_below
from scope.artifacts.names import LINK, RESULTS
from scope.artifacts.place import artifact_place, parse
from scope.artifacts.provenance import MANIFEST, REPORT, digest_of, escapes, kind_of, local, read_whole
from scope.audit import lineage
from scope.audit.acceptance import records_of
from scope.audit.outside import Moved, is_outside
from scope.audit.places import foreign_input, other_experiment, wrong_labels
from scope.audit.remedies import again, of_changed, of_copy, of_missing, put_back
from scope.audit.unused import Used
from scope.errors import InputError

WEIGHTS = (".safetensors", ".pt", ".bin")
CHANGED, MISSING = "changed since it was recorded by", "missing or unreadable, but recorded by"
COPY = 5  # artifacts that were made from files of one other experiment, from which on the folder is called a copy

Broken = dict[tuple[str, str], list[str]]
"""The artifacts that recorded a file, by the file and what is wrong with it."""


class Audit:
    """The check of the artifacts of one folder: what they are, how many, and every problem."""

    def __init__(self, folder: str, digest: Callable[[str], str | None] = digest_of):
        self.folder = folder
        self.artifacts = self.links = 0
        self.retired: set[str] = set()
        self.unbound: list[str] = []
        self.missing: dict[str, list[str]] = defaultdict(list)
        self.accepted: Counter[str] = Counter()
        self._problems: set[str] = set()
        self._broken: Broken = defaultdict(list)
        self._outdated: Broken = defaultdict(list)
        self._foreign: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self._checked: list[str] = []
        self._digest = digest
        self._moved = Moved(digest)
        self._used = Used(folder.split(os.sep)[1])
        self._dropped = cache(self._read_dropped)

    def check(self, path: str) -> None:
        """Check one artifact: that it reads, its provenance, its labels, its files and its inputs."""
        self.artifacts += 1
        self._checked.append(path)
        try:
            provenance = read_whole(path)
        except InputError as error:
            self._problems.add(str(error))
            return
        if kind_of(path) == REPORT and not provenance:
            self.unbound.append(path)
            return
        self._check_provenance(path, provenance)
        self._add(path, *wrong_labels(path, provenance))
        if kind_of(path) == MANIFEST:
            self._check_folder(path, provenance)
        for given, digest in lineage.inputs_of(provenance).items():
            self._check_input(path, local(given), digest, provenance.get("start"))

    def problems(self) -> list[str]:
        """Every problem as one line: the file, what is wrong, what to do."""
        broken = [
            f"{file}: {what} {_several(sorted(makers + self._outdated.get((file, what), [])))}; "
            f"{self._remedy(file, what, makers)}"
            for (file, what), makers in self._broken.items()
        ]
        return sorted([*self._problems, *broken, *self._foreign_lines()])

    def _remedy(self, file: str, what: str, makers: list[str]) -> str:
        if what == MISSING:
            return of_missing(file, makers)
        damaged = any(problem.startswith(f"{file}: ") for problem in self._problems)
        return of_changed(file, makers, damaged=damaged)

    def _foreign_lines(self) -> Iterator[str]:
        """Inputs of another experiment: a line for each, or one for a folder that was copied or renamed."""
        for other, found in self._foreign.items():
            makers = {path for path, _ in found}
            if len(makers) < COPY:
                yield from (
                    f"{path}: mixed-up: made from {given}, of another experiment; {put_back(path)}"
                    for path, given in found
                )
            else:
                yield of_copy(self.folder, other, len(makers))

    def leftovers(self) -> list[str]:
        """A line for every folder or artifact that no arm of the report uses; none while there are problems."""
        outdated = {path for paths in self._outdated.values() for path in paths}
        return [] if self.problems() else self._used.leftover_lines(self.folder, self._checked, outdated)

    def _add(self, path: str, *problems: str) -> None:
        self._problems.update(f"{path}: {problem}" for problem in problems)

    def _check_provenance(self, path: str, provenance: dict[str, Any]) -> None:
        gaps = lineage.gaps(provenance)
        missing = [part for part in gaps if part == "inputs"] if kind_of(path) == REPORT else gaps
        if missing:
            self._add(path, f"incomplete provenance, without {', '.join(missing)}; {again(path)}")
        elif not gaps:
            self._check_code(path, provenance)

    def _check_code(self, path: str, provenance: dict[str, Any]) -> None:
        """The recipe names the code of the modules, or one that their code was accepted as equal to."""
        recipe, own = provenance["recipe"], value_digest(provenance["modules"])
        try:
            records = records_of(provenance)
        except InputError as error:
            self._add(path, f"{error}; {again(path)}")
            return
        code = own
        for record in records:
            code = record.old if record.new == code and record.script == recipe["script"] else None
        if code != recipe["code"]:
            self._add(path, f"its recipe names another code than that of its modules; {again(path)}")
        elif records:
            self.accepted.update(record.describe() for record in records)

    def _check_folder(self, manifest: str, provenance: dict[str, Any]) -> None:
        folder, files = str(provenance.get("folder")), provenance.get("files")
        if not lineage.are_digests(files) or folder not in (".", LINK):
            self._add(manifest, f"names no folder with digests of its files; {again(manifest)}")
            return
        root = local(os.path.join(os.path.dirname(manifest), folder))
        for name, digest in files.items():
            if os.path.isabs(name) or escapes(os.path.normpath(name)):
                self._add(manifest, f"lists {name}, outside of its folder; {again(manifest)}")
            else:
                self._compare(local(os.path.join(root, name)), digest, manifest, self._broken)
        for file in unlisted_weights(root, files):
            self._add(file, f"is not listed in {manifest}; move it elsewhere, or delete it")

    def _check_input(self, path: str, given: str, digest: str, start: str | None) -> None:
        if escapes(given):
            self._add(path, f"made from {given}, out of the project by `..`, which is not followed; {again(path)}")
            return
        if other := other_experiment(path, given):
            self._foreign[other].append((path, given))
            return
        self._add(path, *foreign_input(path, given, start))
        leftover = self._used.is_leftover(path)
        self._compare(given, digest, path, self._outdated if leftover else self._broken)

    def _compare(self, file: str, recorded: str, maker: str, broken: Broken) -> None:
        now = self._digest(file)
        outside = now != recorded and is_outside(file)
        if outside and self._moved.holds(recorded):
            self.links += 1
        elif outside and now is None:
            self.missing[file].append(maker)
        elif now is None and (_is_restored(file) or file in self._dropped(artifact_place(maker).experiment)):
            self.retired.add(file)
        elif now is None:
            broken[file, MISSING].append(maker)
        else:
            self.links += 1
            if now != recorded:
                broken[file, CHANGED].append(maker)

    def _read_dropped(self, experiment: str) -> frozenset[str]:
        try:
            return lineage.dropped_files(Layout(experiment).root)
        except InputError as error:
            self._problems.add(str(error))
            return frozenset()


def _is_restored(path: str) -> bool:
    """Whether a file is a recomputed copy, which may go when it has been used."""
    place = parse(path)
    return place is not None and place.restored


def _several(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def unlisted_weights(folder: str, files: dict[str, str]) -> list[str]:
    """Files of weights or optimizer state in a sealed folder that its manifest does not list."""
    found = (path for path in Path(folder).rglob("*") if path.suffix in WEIGHTS)
    return sorted(str(path) for path in found if str(path.relative_to(folder)) not in files)


def find_artifacts(path: str) -> dict[str, list[str]]:
    """The artifacts at or below a path: those of results/ by experiment, else by the path itself.

    Raises InputError when there is none.
    """
    asked = local(path)
    if asked.split(os.sep)[0] != RESULTS:
        raise InputError(
            f"{path}: is not below {RESULTS}/ of {os.getcwd()}; go to the project that made it, and name a folder such "
            f"as {RESULTS}/demo (make verify-results RESULTS={RESULTS}/demo)",
            "no-such-folder",
        )
    if not os.path.exists(asked):
        known = ", ".join(sorted(map(str, Path(RESULTS).glob("*")))) or "nothing"
        raise InputError(f"{path}: not found; {RESULTS}/ has {known}", "no-such-folder")
    folders = sorted(map(str, Path(asked).iterdir())) if asked == RESULTS else [asked]
    found = {folder: artifacts for folder in folders if (artifacts := artifacts_below(folder))}
    if not found:
        raise InputError(f"{path}: contains no artifact; name a folder with the results of a run", "no-artifact")
    return found
