"""What the report shows, section by section: frames and labels turned into the template's context."""

from functools import partial
from typing import Any

import polars as pl

from scope.evaluate.sampling import SamplingSettings
from scope.report import charts, dynamics, timing
from scope.report.accuracy import accuracy, by_place, cell_values, differences
from scope.report.data_card import data_card
from scope.report.figure_names import FIGURES, GROUPS
from scope.report.load import Inputs
from scope.report.models import models
from scope.report.paper_tables import paper_tables
from scope.report.reasons import verdict_reasons
from scope.report.recipe import ReportRecipe, Starts
from scope.report.samples import sampled_rollouts
from scope.report.sources import accepted, methods, settings_by_arm, sources
from scope.report.style import policy_colours, stage_colours
from scope.report.tables import accuracy_tables
from scope.report.untrained_rounds import alarms, by_arm, untrained
from scope.report.words import answers


def content(inputs: Inputs, settings: ReportRecipe) -> dict[str, Any]:
    """The whole context of the report's template."""
    colours = policy_colours(settings.arms)
    artifacts, arm = inputs.artifacts, settings.arms[0]
    warnings = [
        *alarms(inputs.metrics, artifacts["metrics"]),
        *dynamics.warnings(inputs.metrics, methods(artifacts["batches"])),
        *_failed(inputs.checks),
    ]
    return {
        "title": settings.report.title,
        "question": settings.report.question,
        "experiment": {name: getattr(settings, name) for name in ("experiment", "seeds", "rounds", "arms")},
        "models": models(settings.models, inputs.parameters),
        "dtype": settings.models.dtype,
        "provenance": inputs.provenance,
        "colours": colours,
        "arm_colours": {name: colours[name] for name in settings.arms},
        **_accuracy(inputs, settings, colours),
        **_dynamics(inputs.metrics, settings.arms, colours),
        **_timing(inputs.timings),
        "step_costs": timing.costs_of_steps(inputs.step_costs),
        "card": data_card(inputs.problems, inputs.issues, settings.origins),
        "warnings": warnings,
        "checks": inputs.checks.to_dicts(),
        "arm": arm,
        "samples": sampled_rollouts(inputs.sampled, inputs.spell),
        "sources": sources(artifacts),
        "accepted": accepted(artifacts),
        "settings": settings_by_arm(artifacts["rollouts"], artifacts["batches"], artifacts["metrics"]),
    }


def _accuracy(inputs: Inputs, settings: ReportRecipe, colours: dict[str, str]) -> dict[str, Any]:
    samplings = settings.evaluation.sampling
    evaluations = inputs.evaluations
    resamples = settings.report.bootstrap
    cells = cell_values(evaluations, resamples)
    compared = differences(cells, settings.arms, resamples)
    idle = by_arm(untrained(inputs.metrics, inputs.artifacts["metrics"]))
    frame = accuracy(cells, resamples) if cells else None
    return {
        "samplings": {name: _described(one) for name, one in samplings.items()},
        "answers": answers(compared, settings.arms, base="base" in evaluations["policy"], untrained=idle),
        "differences": compared,
        "between_arms": differences(cells, settings.arms[1:], resamples, against=settings.arms[0]),
        "policies": {name: colour for name, colour in colours.items() if name in evaluations["policy"]},
        "tables": [] if frame is None else accuracy_tables(frame, list(colours), list(samplings)),
        "resamples": resamples,
        "paper": paper_tables(frame, settings.models.student.name or "", settings.evaluation),
        "verdicts": verdict_reasons(evaluations, inputs.verdicts, inputs.artifacts, list(colours), settings.starts),
        "absent_benchmarks": inputs.absent,
        "curves": [] if frame is None else _panels(frame.filter("final"), charts.pass_curves, colours),
        "rounds": [] if frame is None else _by_round(frame, colours, settings.starts),
    }


def _described(sampling: SamplingSettings) -> str:
    return ", ".join(f"{name} {value}" for name, value in sampling)


def _panels(frame: pl.DataFrame, chart: Any, colours: dict[str, str]) -> list[dict[str, Any]]:
    return [{"title": title, "spec": charts.in_report(chart(rows, colours))} for title, rows in by_place(frame).items()]


def _by_round(frame: pl.DataFrame, colours: dict[str, str], starts: Starts) -> list[dict[str, Any]]:
    several = frame["round"].n_unique() > 2
    return _panels(frame, partial(charts.accuracy_by_round, starts=starts), colours) if several else []


def _dynamics(metrics: pl.DataFrame, arms: list[str], colours: dict[str, str]) -> dict[str, Any]:
    """Charts over steps; where the whole run has one step, a table of its figures in their place."""
    one_step = metrics["step"].n_unique() == 1
    shown = {} if one_step else GROUPS
    groups = {title: [_step_panel(metrics, name, colours) for name in group] for title, group in shown.items()}
    return {
        "dynamics": {title: [panel for panel in panels if panel] for title, panels in groups.items()},
        "absent": {FIGURES[name].title: lacking for name, lacking in dynamics.absent(metrics, arms).items()},
        "steps": metrics.height,
        "one_step": dynamics.one_step(metrics, FIGURES) if one_step else None,
    }


def _step_panel(metrics: pl.DataFrame, name: str, colours: dict[str, str]) -> dict[str, Any] | None:
    figure, series = FIGURES[name], dynamics.series(metrics, name)
    if series.is_empty():
        return None
    return {
        "title": figure.title,
        "spec": charts.in_report(charts.step_lines(series, figure.title, figure.unit, colours)),
    }


def _timing(timings: pl.DataFrame) -> dict[str, Any]:
    colours = stage_colours(timing.stages(timings))
    by_round = timing.by_round(timings)
    highest = max(by_round.group_by("arm", "place").agg(pl.col("seconds").sum())["seconds"], default=0.0)
    bars = [
        {"title": name, "spec": charts.in_report(charts.stage_bars(frame, colours, highest))}
        for (name,), frame in by_round.partition_by("arm", as_dict=True).items()
    ]
    return {"stages": colours, "bars": bars, "totals": timing.totals(timings)}


def _failed(checks: pl.DataFrame) -> list[str]:
    return [f"Teacher check {check} failed: {detail}" for check, passed, detail in checks.iter_rows() if not passed]
