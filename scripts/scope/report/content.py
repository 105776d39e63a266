"""What the page shows, section by section: frames and words turned into the template's context."""

from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from scope.artifacts import parquet
from scope.artifacts.recipe import Settings, make_provenance, read_recipe
from scope.report import charts, dynamics, timing
from scope.report.accuracy import accuracy, by_place, cell_values, differences
from scope.report.data_card import data_card
from scope.report.figure_names import FIGURES, GROUPS
from scope.report.inputs import check_runs, read_evaluations, read_metrics
from scope.report.paper_tables import paper_tables
from scope.report.reasons import verdict_reasons
from scope.report.samples import sampled_rollouts
from scope.report.sources import methods, settings_by_arm, sources
from scope.report.style import policy_colours, stage_colours
from scope.report.tables import accuracy_tables
from scope.report.words import answers


class Files(NamedTuple):
    """The artifacts of one experiment."""

    evaluations: list[Path]
    metrics: list[Path]
    batches: list[Path]
    rollouts: list[Path]
    verdicts: list[Path]
    prompts: Path
    problems: list[Path]
    faults: list[Path]
    benchmarks: Path | None
    checks: Path
    absent: list[str]


def content(files: Files, recipe: str) -> dict[str, Any]:
    """The whole context of the page, given the text of its recipe."""
    files = files._replace(rollouts=_once(files.rollouts), verdicts=_once(files.verdicts))
    settings = read_recipe(recipe)
    by_kind = _by_kind(files)
    colours = policy_colours(settings.arms)
    checks = parquet.read(files.checks, "checks")
    metrics = read_metrics(files.metrics)
    check_runs(metrics, "variant", settings.arms, settings.seeds)
    warnings = dynamics.warnings(metrics, methods(files.batches)) + _failed(checks)
    arm = settings.arms[0]
    return {
        "title": settings.report.title,
        "question": settings.report.question,
        "experiment": {name: getattr(settings, name) for name in ("experiment", "seeds", "rounds", "arms")},
        "provenance": make_provenance(recipe, [path for paths in by_kind.values() for path in paths]),
        "colours": colours,
        "arm_colours": {name: colours[name] for name in settings.arms},
        **_accuracy(files, settings, colours),
        **_dynamics(metrics, settings.arms, colours),
        **_timing(files.benchmarks, settings.arms),
        "card": data_card([files.prompts, *files.problems], files.faults, settings.origins.as_dict()),
        "warnings": warnings,
        "checks": checks.to_dicts(),
        "arm": arm,
        "samples": sampled_rollouts(arm, files.batches, files.rollouts, files.verdicts, files.prompts),
        "sources": sources(by_kind),
        "settings": settings_by_arm(files.rollouts, files.batches, files.metrics),
    }


def _once(paths: list[Path]) -> list[Path]:
    """Arms may share a file, which then counts once."""
    return list(dict.fromkeys(paths))


def _accuracy(files: Files, settings: Settings, colours: dict[str, str]) -> dict[str, Any]:
    samplings = settings.evaluation.samplings.as_dict()
    evaluations = read_evaluations(files.evaluations, samplings)
    check_runs(evaluations, "policy", settings.arms, settings.seeds, others=("base", "teacher"))
    resamples = settings.report.bootstrap
    cells = cell_values(evaluations, resamples)
    compared = differences(cells, settings.arms, resamples)
    frame = accuracy(cells, resamples) if cells else None
    return {
        "samplings": {name: _facts(one) for name, one in samplings.items()},
        "answers": answers(compared, settings.arms, base="base" in evaluations["policy"]),
        "differences": compared,
        "between_arms": differences(cells, settings.arms[1:], resamples, against=settings.arms[0]),
        "policies": {name: colour for name, colour in colours.items() if name in evaluations["policy"]},
        "tables": [] if frame is None else accuracy_tables(frame, list(colours), list(samplings)),
        "resamples": resamples,
        "paper": paper_tables(frame, Path(settings.models.student.path or "").name, settings.evaluation),
        "verdicts": verdict_reasons(evaluations, files.verdicts, files.batches, list(colours)),
        "absent_benchmarks": files.absent,
        "curves": [] if frame is None else _panels(frame.filter("final"), charts.pass_curves, colours),
        "rounds": [] if frame is None else _by_round(frame, colours),
    }


def _facts(sampling: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sampling.items())


def _panels(frame: pl.DataFrame, chart: Any, colours: dict[str, str]) -> list[dict[str, Any]]:
    return [{"title": title, "spec": charts.on_page(chart(rows, colours))} for title, rows in by_place(frame).items()]


def _by_round(frame: pl.DataFrame, colours: dict[str, str]) -> list[dict[str, Any]]:
    several = frame["round"].n_unique() > 2
    return _panels(frame, charts.accuracy_by_round, colours) if several else []


def _dynamics(metrics: pl.DataFrame, arms: list[str], colours: dict[str, str]) -> dict[str, Any]:
    groups = {title: [_step_panel(metrics, name, colours) for name in group] for title, group in GROUPS.items()}
    return {
        "dynamics": {title: [panel for panel in panels if panel] for title, panels in groups.items()},
        "absent": {FIGURES[name].title: lacking for name, lacking in dynamics.absent(metrics, arms).items()},
        "steps": metrics.height,
    }


def _step_panel(metrics: pl.DataFrame, name: str, colours: dict[str, str]) -> dict[str, Any] | None:
    figure, series = FIGURES[name], dynamics.series(metrics, name)
    if series.is_empty():
        return None
    return {
        "title": figure.title,
        "spec": charts.on_page(charts.step_lines(series, figure.title, figure.unit, colours)),
    }


def _timing(folder: Path | None, arms: list[str]) -> dict[str, Any]:
    timings = timing.read_timings(folder, arms)
    colours = stage_colours(timing.stages(timings))
    variants = timing.by_round(timings).partition_by("variant", as_dict=True)
    bars = [{"title": name, "spec": charts.on_page(charts.stage_bars(frame, colours))}
            for (name,), frame in variants.items()]  # fmt: skip
    return {"stages": colours, "bars": bars, "totals": timing.totals(timings)}


def _failed(checks: pl.DataFrame) -> list[str]:
    return [f"Teacher check {check} failed: {detail}" for check, passed, detail in checks.iter_rows() if not passed]


def _by_kind(files: Files) -> dict[str, list[Path]]:
    several = ("evaluations", "metrics", "batches", "rollouts", "verdicts", "problems", "faults")
    single = {"prompts": [files.prompts], "checks": [files.checks]}
    return {**{kind: getattr(files, kind) for kind in several}, **single}
