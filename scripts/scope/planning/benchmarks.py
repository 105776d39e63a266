"""Which benchmarks can be evaluated: those whose files are available."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from scope.config.data import ProblemFile
from scope.config.experiment import Config
from scope.errors import InputError
from scope.prompts.hub import row_files


@dataclass(frozen=True)
class Benchmarks:
    """The files of every benchmark that is available, and why the others are not."""

    files: Mapping[str, list[str]]
    """By name, sorted; a generated benchmark has none."""
    skipped: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """Those that are evaluated."""
        return sorted(self.files)


def find_benchmarks(config: Config, exists: Callable[[str], bool]) -> Benchmarks:
    """The benchmarks of a configuration. Raises InputError where none is available."""
    found = Benchmarks({}, {})
    for name, rows in config.data.benchmarks.items():
        try:
            files = row_files(rows)
        except InputError as error:
            found = replace(found, skipped={**found.skipped, name: str(error)})
            continue
        missing = next((file for file in files if not exists(file)), None)
        if missing:
            found = replace(found, skipped={**found.skipped, name: f"{missing} not found; create it"})
        else:
            found = replace(found, files={**found.files, name: files})
    if config.data.world:
        return Benchmarks({config.data.world.benchmark: []}, {})
    if not found.files:
        raise InputError("no benchmark is available: " + "; ".join(found.skipped.values()), "no-benchmark")
    return found


def with_available_benchmarks(config: Config, benchmarks: Benchmarks) -> Config:
    """A configuration without the benchmarks that are skipped."""
    kept = {name: rows for name, rows in config.data.benchmarks.items() if name in benchmarks.files}
    return config.model_copy(update={"data": config.data.model_copy(update={"benchmarks": kept})})


def held_out_files(config: Config, benchmarks: Benchmarks) -> dict[str, list[str]]:
    """The files of every benchmark that training problems are compared with, by name."""
    names = config.data.decontamination.benchmarks
    return {name: files for name, files in benchmarks.files.items() if files and (names is None or name in names)}


def training_files(config: Config, exists: Callable[[str], bool]) -> list[str]:
    """The files of training problems; none where they are generated. Raises InputError where one does not exist."""
    return _existing(config.data.train, "data.train", exists)


def solution_files(config: Config, model: str, exists: Callable[[str], bool]) -> list[str]:
    """The files of worked solutions of a model's `sft`; none where it has none. Raises InputError where one does not
    exist."""
    sft = getattr(config.models, model).sft
    return _existing(sft.rows if sft else None, f"models.{model}.sft.rows", exists)


def _existing(rows: ProblemFile | None, key: str, exists: Callable[[str], bool]) -> list[str]:
    files = row_files(rows) if rows else []
    for file in files:
        if not exists(file):
            raise InputError(f"{key}: {file} not found; create it or set another path", "no-such-file")
    return files
