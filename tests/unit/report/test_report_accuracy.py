"""The report's answer, accuracy, verdicts and comparisons, on a made-up run."""

import re

import pytest

from report_world import ARMS, html, models, page, recipe, section, sharing, visible, world, write_evaluation, write_run  # noqa: F401
from scope.artifacts.recipe import make_recipe
from scope.evaluate.metrics import share_interval
from scope.report.reasons import EXPLAINED
from scope.report.style import percent
from scope.report.words import answers
from scope.verify.verdict import Reason

pytestmark = pytest.mark.real  # each builds a whole page


def test_answer_and_tables_show_every_policy_seed_and_mean(html):
    table = section(html, "accuracy")
    for metric in ("avg@4", "pass@1", "pass@2", "pass@4", "best@4 bootstrap, biased, %", "truncated"):
        assert metric in table
    for row in ("base – –", "teacher – –", "scope 2 0", "scope 2 1", "scope 2 mean of 2", "lost 2 0", "lost 2 1"):
        assert row in table
    assert "lost 2 mean of 2 0.0 0.0–16.8" in table
    assert "11.5 11.5–11.5 25.0 20.8–37.6" in table


def test_the_interval_of_equal_values_is_explained(html):
    assert "the same value, the exact binomial bound" in section(html, "accuracy")
    assert "is the same for all problems, the exact binomial bound" in section(html, "answer")
    assert "exact binomial bound (Clopper and Pearson, 0 of P)" in section(html, "glossary")
    _, high = share_interval([0.0] * 4)
    assert f"with 4 problems, 0.0 % has the interval 0.0–{percent(float(high))}" in section(html, "glossary")


def test_no_clear_difference_is_called_that(page, world, tmp_path):
    fixed = [file for file in world["evaluations"] if file.name in ("base.parquet", "teacher.parquet")]
    even = write_evaluation(tmp_path / "even.parquet", "scope", 0, 1, 0.201)
    words = visible(page(evaluations=[*fixed, even]))
    assert re.search(
        r"scope after round 1 against the base policy: .*no clear difference in (the other )?\d of 3", words
    )
    assert re.search(r"avg@4 \S+ \S+ [+−]\d+\.\d −\d+\.\d to \+\d+\.\d no clear difference", words)
    assert "Only the last round was evaluated. Set evaluation.every in the configuration" in words


def test_the_answer_lists_each_arm_in_order(html):
    answer = visible(re.search(r'<div class="answer">(.*?)</div>', html, re.DOTALL)[1])
    number = r"[+−]\d+\.\d"
    told = rf"a clear (gain|loss) in avg@4 on coins at T1, {number} points \[{number}, {number}\]"
    start = r"(scope|lost) after round 2 \(mean of 2 seeds\) against the base policy:"
    assert re.findall(rf"{start} {told}", answer) == [("scope", "gain"), ("lost", "loss")]


def comparison(verdict="none", sampling="T1"):
    return {"policy": "scope", "round": 6, "seeds": 1, "metric": "avg@4", "verdict": verdict, "benchmark": "coins",
            "sampling": sampling, "difference": 0.04, "low": 0.02, "high": 0.06}  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([comparison(), comparison()], "no clear difference in 2 of 2 comparisons"),
        (
            [comparison("gain"), comparison(), comparison("loss", "T0.6")],
            "a clear gain in avg@4 on coins at T1, +4.0 points [+2.0, +6.0]; "
            "a clear loss in avg@4 on coins at T0.6, +4.0 points [+2.0, +6.0]; "
            "no clear difference in the other 1 of 3 comparisons",
        ),
        (
            [comparison("gain")] * 5 + [comparison("loss"), comparison()],
            "a clear gain in 5, a clear loss in 1; no clear difference in the other 1 of 7 comparisons",
        ),
    ],
)
def test_the_answer_names_clear_differences_and_counts_the_rest(rows, told):
    assert answers(rows, ["scope"], base=True) == [f"scope after round 6 against the base policy: {told}."]


def test_differences_are_those_of_the_table_and_in_the_order_of_arms(html):
    pattern = r"(scope|lost) coins T1 (avg@4|pass@4) (\S+) (\S+) (\S+) (\S+) to (\S+) clear (gain|loss)"
    rows = re.findall(pattern, section(html, "answer").partition("Against scope")[0])
    assert [row[:2] for row in rows] == [(arm, metric) for arm in ARMS for metric in ("avg@4", "pass@4")]
    for row in rows:
        base, value, difference, low, high = (float(text.replace("−", "-")) for text in row[2:7])
        assert difference == pytest.approx(value - base, abs=0.11)
        assert low < difference < high


def test_one_round_asks_for_no_more_evaluations(page, tmp_path):
    evaluations = [write_evaluation(tmp_path / "e.parquet", "scope", 0, 1, 0.2)]
    changed = recipe(arms=["scope"], rounds=1, seeds=[0])
    html = page(recipe=[changed], evaluations=evaluations, metrics=[], batches=[])
    assert section(html, "rounds") == " Accuracy by round There is only one round. "
    assert "The base policy was not evaluated" in visible(html)


def test_reasons_are_counted_and_explained(html):
    shown = section(html, "verdicts")
    assert re.search(r"not_zero : \d+ of \d+ The steps do not end at 0\.", shown)


def test_every_reason_of_a_verdict_is_explained():
    assert {*EXPLAINED, "correct"} == set(Reason)


def test_arms_are_compared_with_each_other_on_the_same_problems(html):
    table = section(html, "answer").split("Against scope", 1)[1]
    lost = re.search(r"lost coins T1 avg@4 (\S+) 0\.0 −(\S+) −\S+ to −\S+ clear loss", table)
    assert lost[1] == lost[2]


def test_verdicts_are_counted_by_reason(html):
    table = section(html, "verdicts")
    assert re.search(r"coins at T1 lost 100\.0 – – –", table)
    assert re.search(r"rollouts of round 2 of scope scope after round 1 – – 50\.0 50\.0", table)


def test_the_rollouts_of_the_first_round_are_those_of_the_base_policy(page, sharing):
    table = section(page(**sharing, evaluations=[], metrics=[]), "verdicts")
    assert "rollouts of round 1 of lost base 50.0 50.0 rollouts of round 1 of scope base 50.0 50.0" in table


def test_the_rollouts_of_the_teacher_are_its_own(page, world, tmp_path):
    (tmp_path / "p.parquet").write_bytes(world["prompts"][0].read_bytes())
    taught = make_recipe("rollout", {"behaviour": "teacher"})
    run = write_run(tmp_path, "scope", 0, 2, correct=lambda prompt, sample: False, sampled=taught)
    shared = tmp_path / "shared/seed0/round2"
    files = {"rollouts": [shared / "rollouts.parquet"], "verdicts": [shared / "verdicts.parquet"]}
    html = page(**files, batches=[run / "batch.parquet"], prompts=[tmp_path / "p.parquet"], evaluations=[])
    assert "rollouts of round 2 of scope teacher 100.0" in section(html, "verdicts")


def test_skipped_benchmarks_are_named(page):
    assert "Skipped, because the problem file was not found: minerva." in visible(page(absent=["minerva"]))


def test_the_papers_tables_are_in_the_report_of_a_paper_student(page, world):
    assert "The paper's tables" not in visible(page())
    asked = recipe(models=models(name="DeepSeek-R1-Distill-Qwen-1.5B"))
    assert "The paper's tables" not in visible(page(recipe=[asked])), "coins are none of its benchmarks"
