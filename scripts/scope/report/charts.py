"""Charts, one panel each: as wide as their column in the report, or stacked into a standalone picture."""

from collections.abc import Iterable
from typing import Any

import altair as alt
import polars as pl

from scope.report.recipe import Starts

Spec = dict[str, Any]
Chart = alt.Chart | alt.LayerChart
VEGA_LITE = alt.SCHEMA_VERSION.rpartition(".")[0]
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
SMALL = "abs(datum.value) > 0 && abs(datum.value) < 1e-3 ? format(datum.value, '.1~e') : format(datum.value, '~g')"
CONFIG = {
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "gridColor": "#e7eaee",
        "domainColor": "#c5ccd4",
        "tickColor": "#c5ccd4",
        "labelColor": "#4a525c",
        "titleColor": "#4a525c",
        "titleFontWeight": "normal",
        "labelFontSize": 11,
        "titleFontSize": 11.5,
        "labelOverlap": True,
    },
}
STANDALONE = {
    **CONFIG,
    "background": "white",
    "axisY": {"minExtent": 44},
    "title": {"anchor": "start", "fontSize": 13, "color": "#1f2630", "offset": 10},
    "legend": {
        "labelLimit": 0,
        "labelFontSize": 12,
        "labelColor": "#1f2630",
        "symbolType": "stroke",
        "symbolStrokeWidth": 4,
        "columnPadding": 18,
    },
}
WIDTH, HEIGHT = 560, 260


def _data(frame: pl.DataFrame) -> alt.InlineData:
    rounded = frame.with_columns(pl.selectors.float().round_sig_figs(6))
    return alt.InlineData(values=rounded.to_dicts())


def in_report(chart: Chart) -> Spec:
    """The specification of a chart as wide as its column in the report, which writes the legend."""
    fitted = chart.properties(width="container", autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
    return {**fitted.to_dict(), "config": CONFIG}


def stacked(panels: dict[str, Chart]) -> Spec:
    """The specification of one picture: charts in one column with titles, equal widths and one legend."""
    sized = [chart.properties(width=WIDTH, height=HEIGHT, title=title) for title, chart in panels.items()]
    return {**alt.vconcat(*sized, spacing=24).to_dict(), "config": STANDALONE}


def legend(names: Iterable[str]) -> alt.Legend:
    """The legend of a standalone picture: above it, with as many columns as fit the longest name."""
    columns = max(1, int(WIDTH / (32 + 6.1 * max(map(len, names)))))
    return alt.Legend(title=None, orient="top", columns=columns, symbolLimit=0, symbolOpacity=1)


def _coloured(colours: dict[str, str], field: str, shown: alt.Legend | None = None) -> alt.Color:
    return alt.Color(f"{field}:N", scale=alt.Scale(domain=list(colours), range=list(colours.values())), legend=shown)


def _whole_numbers(values: pl.Series) -> alt.Axis:
    ticks = values.unique().sort().to_list()
    return alt.Axis(format="d", values=ticks if len(ticks) <= 10 else alt.Undefined)


def _dashed_teacher() -> Any:
    return alt.condition("datum.policy === 'teacher'", alt.value([5, 4]), alt.value([1, 0]))


def _in_percent(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col("value", "low", "high") * 100)


def pass_curves(accuracy: pl.DataFrame, colours: dict[str, str], shown: alt.Legend | None = None) -> Chart:
    """pass@k over k of each policy, with its band: the pooled last rows of one benchmark under one sampling."""
    k = pl.col("metric").str.strip_prefix("pass@").cast(pl.Int64).alias("k")
    frame = _in_percent(accuracy.filter(pl.col("metric").str.starts_with("pass@")).with_columns(k))
    ks = frame["k"].unique().sort().to_list()
    x = alt.X("k:Q", scale=alt.Scale(type="log", base=2), axis=alt.Axis(values=ks, format="d"), title="k, samples")
    curves = frame.select("policy", "k", "value", "low", "high")
    return _curves(curves, x, "pass@k, %", _coloured(colours, "policy", shown))


def accuracy_by_round(
    accuracy: pl.DataFrame, colours: dict[str, str], shown: alt.Legend | None = None, *, starts: Starts
) -> Chart:
    """avg@n over rounds: arms as lines from what they start from at round 0, the teacher as a horizontal line."""
    averages = accuracy.filter(pl.col("metric").str.starts_with("avg@"))
    frame = _in_percent(averages).select("policy", "round", "value", "low", "high")
    arms = frame.filter(pl.col("round").is_not_null())
    base, teacher = (frame.filter(pl.col("policy") == name) for name in ("base", "teacher"))
    first = {arm: arms.filter(policy=start.arm, round=start.round) for arm, start in starts.items()}
    zeros = [
        first.get(arm, base).with_columns(policy=pl.lit(arm), round=pl.lit(0, pl.Int64))
        for arm in arms["policy"].unique()
    ]
    level = [teacher.with_columns(round=pl.lit(end, pl.Int64)) for end in (0, arms["round"].max())]
    rounds = pl.concat([arms, *zeros, *level])
    x = alt.X("round:Q", axis=_whole_numbers(rounds["round"]), title="round (0: before the first)")
    return _curves(rounds, x, f"{averages['metric'][0]}, %", _coloured(colours, "policy", shown))


def _curves(frame: pl.DataFrame, x: alt.X, title: str, colour: alt.Color) -> Chart:
    chart = alt.Chart(_data(frame.sort(frame.columns)))
    y = alt.Y("value:Q", title=title, scale=alt.Scale(zero=False))
    tooltip = [alt.Tooltip("policy:N"), alt.Tooltip(x.shorthand)]
    tooltip += [alt.Tooltip(f"{name}:Q", format=".1f") for name in ("value", "low", "high")]
    paint = min(0.13, 1.3 / frame["policy"].n_unique())  # the bands of many policies would hide each other
    band = chart.mark_area(opacity=paint).encode(x=x, y=alt.Y("low:Q", title=title), y2="high:Q", color=colour)
    line = chart.mark_line(strokeWidth=2).encode(x=x, y=y, color=colour, strokeDash=_dashed_teacher())
    dots = chart.mark_circle(size=32, opacity=1).encode(x=x, y=y, color=colour, tooltip=tooltip)
    return alt.LayerChart(layer=[band, line, dots]).properties(height=250, description=title)


def step_lines(
    series: pl.DataFrame, title: str, unit: str, colours: dict[str, str], shown: alt.Legend | None = None
) -> Chart:
    """One logged figure over optimizer steps, a line per arm and seed."""
    x = alt.X("step:Q", axis=_whole_numbers(series["step"]), title="optimizer step")
    y = alt.Y("value:Q", title=unit, scale=alt.Scale(zero=False), axis=alt.Axis(labelExpr=SMALL, tickCount=5))
    tooltip = ["arm:N", "seed:N", "step:Q", alt.Tooltip("value:Q", format=".4~g")]
    few = series["step"].n_unique() <= 30
    mark = alt.Chart(_data(series)).mark_line(strokeWidth=1.6, opacity=0.85, point={"size": 16} if few else False)
    lines = mark.encode(x=x, y=y, color=_coloured(colours, "arm", shown), detail="seed:N", tooltip=tooltip)
    return lines.properties(height=150, description=title)


def stage_bars(timings: pl.DataFrame, colours: dict[str, str], highest: float) -> Chart:
    """Seconds of each round of one arm, stacked by stage, on a scale up to `highest`."""
    rank = {stage: index for index, stage in enumerate(colours)}
    shown = timings.select("place", "stage", "seconds", rank=pl.col("stage").replace_strict(rank))
    bars = alt.Chart(_data(shown)).mark_bar()
    places = shown["place"].unique(maintain_order=True).to_list()
    encoded = bars.encode(
        x=alt.X("place:N", sort=places, title="round (once: jobs of no round)", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("seconds:Q", title="job seconds", scale=alt.Scale(domain=[0, highest], nice=True)),
        color=_coloured(colours, "stage"),
        order=alt.Order("rank:Q"),
        tooltip=["place:N", "stage:N", alt.Tooltip("seconds:Q", format=",.1f")],
    )
    return encoded.properties(height=200, description="seconds per stage")


def form_bars(shares: pl.DataFrame, sets: list[str], colours: dict[str, str]) -> Chart:
    """The share of each form of answer (value, 0 to 1) in each set of problems: a bar per set, stacked by form."""
    rank = {name: index for index, name in enumerate(colours)}
    frame = shares.with_columns(pl.col("value") * 100, rank=pl.col("form").replace_strict(rank))
    bars = alt.Chart(_data(frame)).mark_bar()
    encoded = bars.encode(
        x=alt.X("value:Q", title="share of problems, %", scale=alt.Scale(domain=[0, 100])),
        y=alt.Y("set:N", sort=sets, title=None),
        color=_coloured(colours, "form"),
        order=alt.Order("rank:Q"),
        tooltip=["set:N", "form:N", "problems:Q", alt.Tooltip("value:Q", format=".1f")],
    )
    return encoded.properties(height=22 * len(sets) + 10, description="forms of answers")
