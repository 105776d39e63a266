"""One figure of the experiment as a standalone SVG picture with its own legend and a fixed width."""

from functools import partial
from pathlib import Path

import polars as pl
import vl_convert

from scope.errors import InputError
from scope.report import charts, dynamics
from scope.report.accuracy import accuracy, by_place, cell_values
from scope.report.figure_names import FIGURES
from scope.report.figure_recipe import FigureRecipe
from scope.report.load import read_evaluations, read_metrics
from scope.report.style import policy_colours


def plot(name: str, evaluations: list[Path], metrics: list[Path], settings: FigureRecipe) -> str:
    """The figure `name` (figure_names.NAMES) as SVG text; equal input gives equal text.

    Raises InputError where the files have no data for it.
    """
    if name in FIGURES:
        panels = step_panels(name, metrics, settings.arms)
    else:
        panels = accuracy_panels(name, evaluations, settings)
    return vl_convert.vegalite_to_svg(charts.stacked(panels), vl_version=charts.VEGA_LITE)


def accuracy_panels(name: str, files: list[Path], settings: FigureRecipe) -> dict[str, charts.Chart]:
    """`accuracy` or `pass_at_k` of each benchmark and sampling, by its title.

    Raises InputError where no arm was evaluated.
    """
    evaluations = read_evaluations(files, settings.evaluation.sampling)
    graded = set(evaluations["policy"])
    if graded.isdisjoint(settings.arms):
        raise InputError(
            f"--evaluations: no file is of the arms {', '.join(settings.arms)}; give at least one", "no-evaluations"
        )
    resamples = settings.report.bootstrap
    frame = accuracy(cell_values(evaluations, resamples), resamples)
    if name == "pass_at_k":
        return _curves(frame.filter("final"), charts.pass_curves, _colours(graded, settings.arms))
    return _curves(
        frame, partial(charts.accuracy_by_round, starts=settings.starts), _colours(graded - {"base"}, settings.arms)
    )


def _curves(frame: pl.DataFrame, chart, colours: dict[str, str]) -> dict[str, charts.Chart]:
    return {title: chart(rows, colours, charts.legend(colours)) for title, rows in by_place(frame).items()}


def step_panels(name: str, files: list[Path], arms: list[str]) -> dict[str, charts.Chart]:
    """A logged figure over optimizer steps, by its title.

    Raises InputError, which names the methods that log it, where no arm did.
    """
    figure, series = FIGURES[name], dynamics.series(read_metrics(files), name)
    if series.is_empty():
        raise InputError(
            f"--metrics: none of the arms {', '.join(arms)} logged {name}; it is logged by "
            f"{figure.methods}: leave this figure out, or name an arm that logs it",
            "metric-not-logged",
        )
    colours = _colours(set(series["arm"]), arms)
    return {figure.title: charts.step_lines(series, figure.title, figure.unit, colours, charts.legend(colours))}


def _colours(plotted: set[str], arms: list[str]) -> dict[str, str]:
    """The colours of the plotted policies, in the order of the legend."""
    colours = policy_colours(arms)
    unknown = plotted - set(colours)
    if unknown:
        raise InputError(
            f"{', '.join(sorted(unknown))} is not one of the recipe's arms ({', '.join(arms)}); give only "
            "files of these arms, or print a recipe that names it",
            "no-such-arm",
        )
    return {name: colour for name, colour in colours.items() if name in plotted}
