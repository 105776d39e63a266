"""The report's charts, colours and table of time, on a made-up run."""

import json
import re

import pytest

from report_world import (  # noqa: F401
    ARMS,
    STAGE_RECIPE,
    charts,
    html,
    of_arm,
    page,
    recipe,
    rows_of,
    section,
    visible,
    world,
    write_metrics,
    write_timing,
)
from scope.artifacts import parquet
from scope.artifacts.schemas.metrics import METRIC_NAMES, STEP_COSTS
from scope.report import timing
from scope.report.figure_names import FIGURES
from scope.report.style import policy_colours, stage_colours

pytestmark = pytest.mark.real  # each builds a whole page


def test_a_run_of_one_step_is_a_table_and_no_chart(page, tmp_path):
    metrics = [write_metrics(tmp_path / "m.parquet", "scope", 0, 1, shares=[0.25])]
    html = page(recipe=[recipe(arms=["scope"], rounds=1, seeds=[0])], metrics=metrics, evaluations=[], batches=[])
    shown = section(html, "dynamics")
    assert "The figures of the only optimizer step." in shown
    assert "scope seed 0" in shown
    assert "0.25" in shown
    assert not [chart for chart in charts(html) if "optimizer step" in json.dumps(chart)]


def test_every_logged_figure_has_its_chart_and_absent_ones_are_named(html):
    assert set(FIGURES) == set(METRIC_NAMES)
    assert "brackets: Loss mle, Eq. 2; Loss nll; Loss opd, Eq. 3 (scope);" in section(html, "dynamics")
    plotted = {chart["description"] for chart in charts(html)}
    assert {"Share correct", "Gradient norm", "pass@k, %", "avg@4, %", "seconds per stage"} <= plotted
    assert "Loss nll" not in plotted
    assert all(rows_of(chart) for chart in charts(html))


def test_curves_hold_the_numbers_of_the_table(html):
    rows = rows_of(next(chart for chart in charts(html) if chart["description"] == "pass@k, %"))
    last = next(row for row in rows if row["policy"] == "teacher" and row["k"] == 4)
    assert f"{last['value']:.1f} {last['low']:.1f}–{last['high']:.1f}" in section(html, "accuracy")
    assert {row["policy"] for row in rows} == {"base", "teacher", *ARMS}


def test_time_is_summed_over_seeds_and_shards(html):
    words = section(html, "time")
    for row in (
        "Stage shared seconds scope seconds lost seconds",
        "rollout – 4,000 4,000 8 512",
        "evaluate – 4,321 – 1 512",
        "model 12.5 – – 1 512",
        "other 0.25 – – 1 512",
        "total 12.8 8,321 4,000 11 512",
    ):
        assert row in words


def test_charts_of_time_have_one_scale(html):
    bars = [chart for chart in charts(html) if chart["description"] == "seconds per stage"]
    assert len(bars) == 3
    assert {tuple(chart["encoding"]["y"]["scale"]["domain"]) for chart in bars} == {(0, 4321.0)}


def test_time_of_shared_work_and_of_further_stages(tmp_path):
    shared = tmp_path / "shared"
    for name in ("rollout.0", "verify.0", "score-teacher-incorrect-1a2b3c4d5e.0"):
        write_timing(shared / f"student-n8-T0.6-ab12cd34ef/seed3/round1/{name}.tsv", 1.0)
    write_timing(shared / "teacher-n8-T1-ab12cd34ef/seed3/round2/rollout.1.tsv", 2.0)
    write_timing(shared / "figure_accuracy.tsv", 3.0)
    arm = "scope-round9-seed7"
    for stage in ("retire", "restore"):
        write_timing(tmp_path / arm / f"seed0/round4/{stage}.tsv", 4.0)
    runs = timing.Runs([arm], [0, 3], 4, {"student-n8-T0.6-ab12cd34ef", "teacher-n8-T1-ab12cd34ef"})
    jobs = timing.read_timings(tmp_path, runs)
    rows = jobs.select("arm", "seed", "round", "stage").sort(jobs.columns[:4]).rows()
    assert rows == [
        ("shared", None, None, "figure"),
        *(("shared", 3, 1, stage) for stage in ("rollout", "score", "verify")),
        ("shared", 3, 2, "rollout"),
        *((arm, 0, 4, stage) for stage in ("restore", "retire")),
    ]
    assert timing.stages(jobs) == ["rollout", "verify", "score", "retire", "restore", "figure"]
    for left in (runs._replace(shared=[]), runs._replace(seeds=[0])):
        kept = timing.read_timings(tmp_path, left)["stage"].to_list()
        assert sorted(kept) == ["figure", "restore", "retire"]
    assert timing.read_timings(tmp_path, runs._replace(rounds=1)).height == 4
    bars = timing.by_round(jobs).filter(arm="shared")
    assert bars["place"].unique(maintain_order=True).to_list() == ["once", "1", "2"]


def test_time_of_arms_that_are_no_longer_run_does_not_count(page, world):
    assert "lost" not in section(page(**of_arm(world, "scope")), "time")


def write_costs(path, arm, seed, *rows):
    rows = [{"round": 1, "step": step, **row} for step, row in enumerate(rows, 1)]
    parquet.write(path, STEP_COSTS, rows, recipe=STAGE_RECIPE, arm=arm, seed=seed, round=1)


def test_costs_of_steps_are_medians_of_each_arm(page, tmp_path):
    """Over steps and seeds: 1, 2 and 6 s are 2 s. A figure that no step has is not shown, nor is a run that is gone."""
    place = lambda arm, seed: tmp_path / arm / f"seed{seed}/round1/update.steps.parquet"  # noqa: E731
    steps = [{"tokens_per_second": 1500.0, "seconds_forward": forward, "mfu": 0.25} for forward in (1.0, 6.0, 2.0)]
    write_costs(place("scope", 0), "scope", 0, *steps[:2])
    write_costs(place("scope", 1), "scope", 1, steps[2])
    write_costs(place("lost", 0), "lost", 0, {"peak_resident_gb": 3.5})
    write_costs(place("scope", 7), "scope", 7, {"seconds_backward": 9.0})
    words = section(page(timings=[tmp_path]), "time")
    heading = "Arm steps tokens per second forward seconds resident memory peak, GB MFU share of the peak"
    assert f"{heading} scope 3 1,500 2 – 0.25 lost 1 – – 3.5 –" in words


def test_forty_arms_have_forty_colours(page, tmp_path):
    arms = [f"scope-tau={tau}-lr={rate}" for tau in range(8) for rate in ("1e-06", "3e-06", "1e-05", "3e-05", "0.1")]
    colours = policy_colours(arms)
    assert list(colours) == ["base", "teacher", *arms]
    assert len(set(colours.values())) == 42
    assert all(re.fullmatch("#[0-9A-Fa-f]{6}", colour) for colour in colours.values())
    metrics = [write_metrics(tmp_path / f"{arm}.parquet", arm, 0, 1, shares=[0.1, 0.1]) for arm in arms]
    html = page(recipe=[recipe(arms=arms)], metrics=metrics, evaluations=[], batches=[])
    legend = re.search(r'<section id="dynamics">.*?<div class="legend">(.*?)</div>', html, re.DOTALL)[1]
    assert visible(legend).split() == arms
    assert re.findall(r"background: (\S+)\"", legend) == list(colours.values())[2:]


def test_every_stage_has_its_own_colour():
    stages = [*timing.STAGES, "other", "another"]
    assert len(set(stage_colours(stages).values())) == len(stages)
