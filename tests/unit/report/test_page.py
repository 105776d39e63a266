"""The report's page: what it escapes, shows of samples and settings, names where it is absent, and warns of."""

import json
import re

import pytest

from plain_words import private_words
from report_world import (  # noqa: F401
    ARMS,
    HOSTILE,
    SCRIPTS,
    STAGE_RECIPE,
    charts,
    html,
    of_arm,
    page,
    recipe,
    rows_of,
    section,
    sharing,
    visible,
    world,
    write_evaluation,
    write_metrics,
    write_run,
    write_timing,
)
from scope.artifacts import parquet
from scope.artifacts.digests import file_digest
from scope.artifacts.fingerprint import fingerprint
from scope.artifacts.schemas.checks import CHECKS

pytestmark = pytest.mark.real  # each builds a whole page


def test_the_report_is_one_file_that_escapes_everything(html, world):
    assert HOSTILE not in html
    assert f"Title {HOSTILE}" in visible(html)
    assert f"1+{HOSTILE}" in section(html, "samples")
    assert not re.search(r"<[^>]+(src|href)\s*=\s*[\"']?(https?:)?//", html)
    assert "default-src 'none'" in html
    assert html.count("window.vegaEmbed=") == 1
    assert list(world["out"][0].parent.glob("*.html")) == world["out"]


def test_the_rendered_report_uses_plain_words(html):
    words = {word for _, word, _ in private_words(visible(html))}
    assert not words


def test_one_module_of_the_report_reads_parquet():
    sources = {file.name: file.read_text() for file in (SCRIPTS / "scope/report").glob("*.py")}
    readers = {name for name, text in sources.items() if re.search(r"\bparquet\.(read|metadata)|read_parquet", text)}
    assert readers == {"load.py"}


def test_hostile_names_cannot_leave_the_chart_data(page, tmp_path):
    named = write_metrics(tmp_path / "m.parquet", HOSTILE, 0, 1, shares=[0.1, 0.2])
    html = page(metrics=[named], recipe=[recipe(arms=[*ARMS, HOSTILE])])
    assert HOSTILE not in html
    assert any(HOSTILE in {row.get("arm") for row in rows_of(chart)} for chart in charts(html))


def test_five_rollouts_correct_and_incorrect_by_turns(html):
    samples = section(html, "samples")
    assert html.count('<article class="sample">') == 5
    assert re.findall(r"\d\. (correct|incorrect) Problem", samples) == ["correct", "incorrect"] * 2 + ["correct"]
    assert len(set(re.findall(r"problem (\d)", samples))) == 3
    for words in (
        "From the last batch of scope (seed 0, round 2)",
        "incorrect path, loss opd, weight 0.5, advantage –",
        "equal; extracted 7",
        "no_answer; extracted nothing",
        "problem 0 <b>",
        "<7>",
        "2 tokens, as they were sent <1><2>",
        "advantage –, step 5",
        "this rollout has no scorer",
    ):
        assert words in samples
    assert 'title="token 0: student −0.5, scorer −1, log-ratio 0.5"' in html


def test_an_arm_with_only_incorrect_rollouts_shows_five_of_them(page, world):
    shown = section(page(**of_arm(world, "lost")), "samples")
    assert re.findall(r"\d\. (correct|incorrect) Problem", shown) == ["incorrect"] * 5


def test_falling_share_of_correct_rollouts_is_a_warning(html):
    words = visible(html)
    assert "lost, seed 1: 0.0% of the last step's rollouts are correct, fewer than the 20.0% of the first" in words
    assert "scope, seed 0: " not in words


def test_a_falling_share_of_the_teachers_samples_is_none(page, world, tmp_path):
    (tmp_path / "p.parquet").write_bytes(world["prompts"][0].read_bytes())
    kd = STAGE_RECIPE.replace('"scope"', '"kd"')
    run = write_run(tmp_path, "lost", 0, 2, correct=lambda prompt, sample: False, recipe=kd)
    assert "Warnings" in visible(page())
    assert "Warnings" not in visible(page(batches=[*world["batches"][:4], run / "batch.parquet"]))


def test_broken_numbers_and_failed_checks_are_warnings(page, tmp_path):
    metrics = [write_metrics(tmp_path / "nan.parquet", "scope", 0, 1, shares=[0.1, 0.2], grad_norm=float("nan"))]
    failed = [{"check": "temperature", "passed": False, "detail": "server at <1.0>"}]
    parquet.write(tmp_path / "failed.parquet", CHECKS, failed, recipe=STAGE_RECIPE)
    words = visible(page(metrics=metrics, checks=[tmp_path / "failed.parquet"]))
    assert "scope, seed 0: grad_norm is not a finite number in 2 of 2 steps, first in step 1." in words
    assert "Teacher check temperature failed: server at <1.0>" in words


def test_absent_parts_are_named_in_words(page, tmp_path):
    parquet.write(tmp_path / "none.parquet", CHECKS, [], recipe=STAGE_RECIPE)
    none = {kind: [] for kind in ("evaluations", "metrics", "batches", "rollouts", "verdicts")}
    html = page(checks=[tmp_path / "none.parquet"], timings=[tmp_path / "nowhere"], **none)
    for words in ("The base policy was not evaluated", "No policy was evaluated", "No step metrics were given",
                  "No job timings were found", "The teacher was not checked", "No batch of scope"):  # fmt: skip
        assert words in visible(html)
    assert [chart["description"] for chart in charts(html)] == ["forms of answers"]


def test_sources_name_experiment_code_and_recipes(html):
    words = section(html, "sources")
    assert "Experiment made-up ; arms scope, lost; seeds 0, 1; 2 rounds" in words
    assert f"written by code {fingerprint('report.py')[:12]} ." in words
    assert f"evaluations teacher 1 {fingerprint('weigh.py')[:12]}" in words


def test_the_report_shows_what_it_was_made_from(html, world):
    (embedded,) = re.findall(r'<script type="application/json" id="provenance">(.*?)</script>', html)
    provenance = json.loads(embedded)
    kinds = ("evaluations", "metrics", "batches", "rollouts", "verdicts", "prompts", "problems", "issues", "checks")
    assert provenance["inputs"] == {str(file): file_digest(file) for kind in kinds for file in world[kind]}
    assert provenance["recipe"] == json.loads(recipe())
    assert {"report.py", "scope/report/content.py"} <= set(provenance["modules"])


def test_the_report_of_one_arm_with_a_long_name(page, world, tmp_path):
    arm = "scope-tau=0.5-lr=1e-05"
    (tmp_path / "p.parquet").write_bytes(world["prompts"][0].read_bytes())
    run = write_run(tmp_path, arm, 0, 2, correct=lambda prompt, sample: sample == 0)
    write_timing(tmp_path / "timings" / arm / "seed0/round2/update.tsv", 7.0)
    html = page(
        recipe=[recipe(arms=[arm], rounds=2, seeds=[0])],
        evaluations=[*world["evaluations"][:2], write_evaluation(tmp_path / "e.parquet", arm, 0, 2, 0.3)],
        metrics=[write_metrics(tmp_path / "m.parquet", arm, 0, 2, shares=[0.1, 0.2])],
        **{kind: [run / f"{name}.parquet"] for kind, name in
           {"batches": "batch", "rollouts": "rollouts", "verdicts": "verdicts"}.items()},
        prompts=[tmp_path / "p.parquet"], timings=[tmp_path / "timings"],
    )  # fmt: skip
    assert f"Experiment made-up ; arm {arm}; seed 0; 2 rounds." in section(html, "sources")
    assert f"This report covers only the arm {arm} ." in visible(html)
    assert f"{arm} after round 2 against the base policy" in visible(html)
    assert f"From the last batch of {arm} (seed 0, round 2)" in section(html, "samples")
    assert f"Stage {arm} seconds jobs" in section(html, "time")
    assert f'Key {arm} objective.method "scope"' in section(html, "settings")
    assert "lost" not in visible(html)


def test_arms_may_share_the_rollouts_of_their_last_round(page, sharing):
    html = page(**sharing, evaluations=[], metrics=[])
    assert "From the last batch of scope (seed 0, round 1)" in section(html, "samples")
    assert html.count('<article class="sample">') == 5
    assert len(set(re.findall(r"problem (\d)", section(html, "samples")))) == 3
    assert "rollouts shared 1 " in section(html, "sources")


def test_null_and_the_scorer_are_explained(html):
    assert "does not use the setting (such as pg_clip outside of GRPO), or has no such limit" in section(
        html, "settings"
    )
    assert "teacher_temperature is that of the exact KL, and null without it" in section(html, "settings")
    assert "mode decides" not in visible(html)
    assert "scorer The model whose log-probabilities" in section(html, "glossary")


def test_settings_of_shared_rollouts_are_those_of_the_arms_that_use_them(page, sharing):
    words = section(page(**sharing, evaluations=[], metrics=[]), "settings")
    assert "Key scope lost" in words
    assert "rollout.n 2" in words
    alone = section(page(**{**sharing, "batches": sharing["batches"][:1]}, evaluations=[], metrics=[]), "settings")
    assert "rollout.n 2 –" in alone


def test_same_input_gives_the_same_bytes(page):
    assert page() == page()
