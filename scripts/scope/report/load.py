"""The files of a report, each read once: what labels them, and the frames that the sections show.

This is the one module of the report that reads Parquet; every section is a function of what `load` returns.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from scope.artifacts import parquet
from scope.artifacts.folder import folder_of
from scope.artifacts.parquet import Schema
from scope.artifacts.place import is_shard_of
from scope.artifacts.recipe import make_provenance, read_recipe
from scope.artifacts.schemas.batch import BATCH
from scope.artifacts.schemas.checks import CHECKS
from scope.artifacts.schemas.evaluation import EVALUATION
from scope.artifacts.schemas.issues import ISSUES
from scope.artifacts.schemas.metrics import METRICS, STEP_COSTS
from scope.artifacts.schemas.prompts import PROMPTS
from scope.artifacts.schemas.rollouts import ROLLOUTS
from scope.artifacts.schemas.verdicts import VERDICTS
from scope.artifacts.weight_headers import parameters_in
from scope.errors import InputError
from scope.report.consistency import CELL, check_comparable, check_runs
from scope.report.recipe import ReportRecipe
from scope.report.timing import Runs, read_timings
from scope.report.token_text import Speller, speller

LABELS = {"policy": pl.String, "arm": pl.String, "seed": pl.Int64, "round": pl.Int64}
GRADES = ["sampling", "benchmark", "prompt_id", "sample_index", "correct", "reason", "tokens", "finish_reason"]
"""Columns of an evaluation without the responses themselves."""


class Files(NamedTuple):
    """The artifacts of one experiment, as the command line names them."""

    evaluations: list[Path]
    metrics: list[Path]
    batches: list[Path]
    rollouts: list[Path]
    verdicts: list[Path]
    prompts: Path
    problems: list[Path]
    issues: list[Path]
    timings: Path | None
    shared: list[str]
    checks: Path
    model: Path
    teacher: Path
    absent: list[str]

    def by_kind(self) -> dict[str, list[Path]]:
        """The Parquet files of each kind; a file that several arms share counts once."""
        kinds = ("evaluations", "metrics", "batches", "rollouts", "verdicts", "problems", "issues")
        several = {kind: getattr(self, kind) for kind in kinds}
        shared = {kind: list(dict.fromkeys(several[kind])) for kind in ("rollouts", "verdicts")}
        return {**several, **shared, "prompts": [self.prompts], "checks": [self.checks]}


@dataclass(frozen=True)
class Artifact:
    """One Parquet file: its metadata."""

    path: Path
    metadata: dict[str, Any]

    def labels(self, *names: str) -> dict[str, Any]:
        """The named entries of the metadata. Raises InputError where one was never written."""
        missing = [name for name in names if name not in self.metadata]
        if missing:
            raise InputError(
                f"{self.path}: its metadata lack {', '.join(missing)}; rerun its stage with this version",
                "missing-metadata",
            )
        return {name: self.metadata[name] for name in names}


@dataclass(frozen=True)
class ArtifactRows(Artifact):
    """One Parquet file whose rows a section shows."""

    rows: pl.DataFrame


class SampledBatch(NamedTuple):
    """The batch whose rollouts are shown, and the files by kind that it was made from."""

    batch: ArtifactRows
    parts: dict[str, list[ArtifactRows]]


class Inputs(NamedTuple):
    """Everything that the sections of a report are made from."""

    evaluations: pl.DataFrame
    metrics: pl.DataFrame
    checks: pl.DataFrame
    timings: pl.DataFrame
    step_costs: pl.DataFrame
    verdicts: list[ArtifactRows]
    problems: list[ArtifactRows]
    issues: list[ArtifactRows]
    sampled: SampledBatch | None
    spell: Speller
    parameters: dict[str, int | None]
    """Of student and teacher, by role; None for quantized weights."""
    artifacts: dict[str, list[Artifact]]
    provenance: dict[str, Any]
    absent: list[str]


def load(files: Files, recipe: str) -> Inputs:
    """Read and check the files of a report, given the text of its recipe."""
    settings, by_kind = read_recipe(recipe, ReportRecipe), files.by_kind()
    provenance = make_provenance(recipe, [path for paths in by_kind.values() for path in paths])
    evaluations = read_evaluations(files.evaluations, settings.evaluation.sampling)
    check_runs(evaluations, "policy", settings.arms, settings.seeds, others=("base", "teacher"))
    metrics = read_metrics(files.metrics)
    check_runs(metrics, "arm", settings.arms, settings.seeds)
    runs = Runs(settings.arms, settings.seeds, settings.rounds, files.shared)
    artifacts = {kind: [read_artifact(path) for path in paths] for kind, paths in by_kind.items()}
    return Inputs(
        evaluations=evaluations,
        metrics=metrics,
        checks=parquet.read(files.checks, CHECKS),
        timings=read_timings(files.timings, runs),
        step_costs=read_step_costs(files.timings, runs),
        verdicts=_with_rows(artifacts["verdicts"], VERDICTS),
        problems=_with_rows([*artifacts["prompts"], *artifacts["problems"]], PROMPTS),
        issues=_with_rows(artifacts["issues"], ISSUES),
        sampled=_sampled_batch(settings.arms[0], artifacts),
        spell=speller(folder_of(files.model)),
        parameters={
            role: parameters_in(folder_of(manifest))
            for role, manifest in (("student", files.model), ("teacher", files.teacher))
        },
        artifacts=artifacts,
        provenance=provenance,
        absent=files.absent,
    )


def read_artifact(path: str | Path) -> Artifact:
    """A file's metadata without its rows."""
    return Artifact(Path(path), parquet.metadata(path))


def _with_rows(artifacts: list[Artifact], schema: Schema) -> list[ArtifactRows]:
    return [ArtifactRows(one.path, one.metadata, parquet.read(one.path, schema)) for one in artifacts]


def _sampled_batch(arm: str, artifacts: dict[str, list[Artifact]]) -> SampledBatch | None:
    """The arm's last batch of its first seed; None without one, or when its rollouts were deleted."""
    labelled = [(batch, batch.labels("arm", "seed", "round")) for batch in artifacts["batches"]]
    own = [(batch, run) for batch, run in labelled if run["arm"] == arm]
    last, _ = min(own, key=lambda item: (-item[1]["round"], item[1]["seed"]), default=(None, None))
    if last is None or _rollouts_deleted(last):
        return None
    parts = {
        schema.name: _with_rows(
            [one for one in artifacts[schema.name] if str(one.path) in last.metadata["inputs"]], schema
        )
        for schema in (ROLLOUTS, VERDICTS, PROMPTS)
    }
    return SampledBatch(_with_rows([last], BATCH)[0], parts)


def _rollouts_deleted(batch: Artifact) -> bool:
    """Whether the rollouts that a batch was made from no longer exist."""
    sampled = [Path(path) for path in batch.metadata["inputs"] if is_shard_of("rollout", path)]
    return bool(sampled) and not any(path.exists() for path in sampled)


def read_labelled(
    paths: Iterable[str | Path], schema: Schema, *labels: str, columns: list[str] | None = None
) -> pl.DataFrame:
    """All rows of files of one schema, their labels as further columns; without files, a frame without rows."""
    frames = [_label(schema.empty().select(columns or pl.all()), dict.fromkeys(labels))]
    frames += [_label(parquet.read(path, schema, columns), read_artifact(path).labels(*labels)) for path in paths]
    return pl.concat(frames)


def _label(rows: pl.DataFrame, values: dict[str, Any]) -> pl.DataFrame:
    return rows.with_columns(pl.lit(value, LABELS[name]).alias(name) for name, value in values.items())


def read_evaluations(paths: Iterable[str | Path], samplings: Iterable[str]) -> pl.DataFrame:
    """Graded samples of all policies, sorted. Raises InputError unless all policies answered the same problems."""
    samples = read_labelled(paths, EVALUATION, "policy", "seed", "round", columns=GRADES)
    unknown = set(samples["sampling"]) - set(samplings)
    if unknown:
        raise InputError(
            f"--evaluations: sampling {sorted(unknown)} is not in evaluation.sampling; evaluate again",
            "no-such-sampling",
        )
    keys = [*CELL, "prompt_id", "sample_index"]
    samples = samples.sort(keys, nulls_last=False)
    check_comparable(samples, keys)
    return samples


def read_metrics(paths: Iterable[str | Path]) -> pl.DataFrame:
    """Figures of every optimizer step of every arm and seed, in order."""
    return read_labelled(paths, METRICS, "arm", "seed").sort("arm", "seed", "step")


def read_step_costs(folder: Path | None, runs: Runs) -> pl.DataFrame:
    """Time and memory of every optimizer step of these runs, from the folder of timings, in the order of arms."""
    files = [file for arm in runs.arms for file in sorted((folder / arm).rglob("*.parquet"))] if folder else []
    kept = [file for file in files if folder and runs.include(file.relative_to(folder))]
    return read_labelled(kept, STEP_COSTS, "arm", "seed")
