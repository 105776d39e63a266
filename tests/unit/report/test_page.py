"""The report's command line on small made-up artifacts: what the report says, escapes, and leaves out."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

import report
from conftest import ROOT, seal_files
from plain_words import private_words
from refusals import refused
from schemas import SCHEMAS
from scope.artifacts import parquet
from scope.artifacts.digests import file_digest
from scope.artifacts.fingerprint import fingerprint
from scope.artifacts.recipe import make_recipe
from scope.artifacts.schemas.checks import CHECKS
from scope.artifacts.schemas.evaluation import EVALUATION
from scope.artifacts.schemas.issues import ISSUES
from scope.artifacts.schemas.metrics import METRIC_NAMES, METRICS, STEP_COSTS
from scope.artifacts.schemas.prompts import PROMPTS
from scope.evaluate.metrics import share_interval
from scope.report import timing
from scope.report.figure_names import FIGURES
from scope.report.reasons import EXPLAINED
from scope.report.style import percent, policy_colours, stage_colours
from scope.report.words import answers
from scope.verify.verdict import Reason

pytestmark = pytest.mark.real  # each builds a whole page
HOSTILE = "</script><script>alert(1)</script>"
SCRIPTS = ROOT / "scripts"
STAGE_RECIPE = make_recipe("weigh", {"objective": {"method": "scope", "tau": 1.0}})
ARMS = ["scope", "lost"]
N = 4

SAMPLINGS = {"T1": {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0}}


FOLDER = {"path": "${MODELS}/tiny", "random_init": None, "sft": None}


def models(**student):
    """Of the report's recipe: two folders, the student with these changes."""
    return {"dtype": "bfloat16", "student": {**FOLDER, "name": None, **student}, "teacher": FOLDER}


def recipe(**changes):
    settings = {
        "report": {"title": f"Title {HOSTILE}", "question": "Does it help?", "bootstrap": 200},
        "evaluation": {"sampling": SAMPLINGS, "n": N, "max_tokens": 8},
        "models": models(),
        "experiment": "made-up",
        "seeds": [0, 1],
        "rounds": 2,
        "arms": ARMS,
        "starts": {},
        "origins": {"train": {"dataset": None, "licence": "MIT"}},
    }
    return make_recipe("report", {**settings, **changes})


def write_evaluation(path, policy, seed, round_, share, *, problems=20, tokens=10):
    """Problem i's samples are correct for a share that rises with i, around `share` on average."""
    rng = np.random.default_rng([problems, 0 if seed is None else seed, round(share * 1000)])
    rows = [
        {"sampling": "T1", "benchmark": "coins", "prompt_id": f"p{problem:03}", "sample_index": sample,
         "correct": bool(rng.random() < 2 * share * (problem + 1) / (problems + 1)), "tokens": tokens + sample,
         "finish_reason": "length" if sample == 3 else "stop", "extracted": None}
        for problem in range(problems) for sample in range(N)
    ]  # fmt: skip
    rows = [{**row, "reason": "correct" if row["correct"] else "not_zero"} for row in rows]
    parquet.write(path, EVALUATION, rows, recipe=STAGE_RECIPE, policy=policy, seed=seed, round=round_)
    return path


def write_metrics(path, arm, seed, round_, *, shares, **columns):
    rows = []
    for step, share in enumerate(shares, 1 + (round_ - 1) * len(shares)):
        figures = {"share_correct": share, "loss": 0.1 * step, "grad_norm": 1.0, "learning_rate": 1e-4, **columns}
        rows.append({**dict.fromkeys(METRIC_NAMES), "round": round_, "step": step, **figures})
    parquet.write(path, METRICS, rows, recipe=STAGE_RECIPE, arm=arm, seed=seed, round=round_)
    return path


def write_prompts(path, prompts=4):
    rows = [{"prompt_id": f"x{prompt}", "problem": f"problem {prompt} <b>", "answer": "7", "source": "made-up",
             "domain": "puzzle", "tests": None, "prompt_token_ids": [1, 2]} for prompt in range(prompts)]  # fmt: skip
    parquet.write(path, PROMPTS, rows, recipe=STAGE_RECIPE, split="train", read=prompts, issues={})
    return path


def write_problems(path, answers, domain="math", issues=(), labels=None, **columns):
    """Problems of a benchmark named after the file, and its issues beside them."""
    rows = [{"prompt_id": f"b{i:04}", "problem": f"benchmark problem {i}", "answer": answer, "source": f"s{i % 7}",
             "domain": domain, "tests": None, "prompt_token_ids": [1] * (i + 1), **columns}
            for i, answer in enumerate(answers)]  # fmt: skip
    tally = {f"{issue['issue']} {issue['action']}": 1 for issue in issues}
    notes = {"recipe": STAGE_RECIPE, "split": path.stem, "read": len(rows)}
    parquet.write(path, PROMPTS, rows, **notes, issues=tally, **(labels or {}))
    parquet.write(path.with_suffix(".issues.parquet"), ISSUES, list(issues), **notes)
    return path


def write_run(folder, arm, seed, round_, *, correct, text="1+6=7", prompts=4, recipe=STAGE_RECIPE, sampled=None):
    """Rollouts, verdicts and batch of one round; `correct(prompt, sample)` says which are right.

    `sampled` is the recipe of rollouts that arms share: these and their verdicts then lie in a folder of their own.
    """
    rollouts, verdicts, batch = [], [], []
    for prompt in range(prompts):
        for sample in range(2):
            key = {"prompt_id": f"x{prompt}", "sample_index": sample}
            right, ids = correct(prompt, sample), list(range(len(text) + 1))
            student = [-0.5 - 0.01 * token for token in ids]
            rollouts.append(
                {**key, "response_token_ids": ids, "response_text": text, "logprobs": student, "finish_reason": "stop"}
            )
            verdicts.append(
                {
                    **key,
                    "correct": right,
                    "extracted": "7" if right else None,
                    "reason": "equal" if right else "no_answer",
                }
            )
            batch.append({"step": prompt, **key, "prompt_token_ids": [1, 2], "response_token_ids": ids,
                          "logprobs": student, "scorer_logprobs": None if right else [-1.0] * len(ids),
                          "correct": right, "truncated": False, "path": "correct" if right else "incorrect",
                          "loss": "mle" if right else "opd", "weight": 0.5, "advantage": None,
                          "normaliser": 2.0})  # fmt: skip
    where = folder / arm / f"seed{seed}" / f"round{round_}"
    inputs = [folder / "p.parquet"]
    for kind, rows in {"rollouts": rollouts, "verdicts": verdicts, "batch": batch}.items():
        owner = "shared" if sampled and kind != "batch" else arm
        path = folder / owner / f"seed{seed}" / f"round{round_}" / f"{kind}.parquet"
        parquet.write(
            path,
            SCHEMAS[kind],
            rows,
            recipe=recipe if owner == arm else sampled,
            inputs=inputs,
            arm=owner,
            seed=seed,
            round=round_,
        )
        inputs.append(path)
    return where


def write_timing(path, seconds):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\th:m:s\tmax_rss\tio_in\n{seconds}\t0:00:10\t512.5\t-\n")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Arguments of a whole report: two arms, two seeds, two rounds; in the arm `lost` every rollout is wrong."""
    tmp_path = tmp_path_factory.mktemp("world")
    prompts = [write_prompts(tmp_path / "p.parquet")]
    evaluations = [
        write_evaluation(tmp_path / "base.parquet", "base", None, None, 0.2),
        write_evaluation(tmp_path / "teacher.parquet", "teacher", None, None, 0.48),
    ]
    metrics, runs = [], []
    for arm, shares in {"scope": [0.2, 0.4], "lost": [0.2, 0.0]}.items():
        for seed in (0, 1):
            for round_ in (1, 2):
                name = f"{arm}.{seed}.{round_}.parquet"
                share = shares[round_ - 1]
                evaluations.append(write_evaluation(tmp_path / f"e.{name}", arm, seed, round_, share))
                path, opd = tmp_path / f"m.{name}", 0.5 if arm == "lost" else None
                metrics.append(write_metrics(path, arm, seed, round_, shares=[share, share], loss_opd=opd))
                right = (lambda prompt, sample: sample == 0) if arm == "scope" else (lambda prompt, sample: False)
                runs.append(write_run(tmp_path, arm, seed, round_, correct=right, text=f"1+{HOSTILE}"))
                write_timing(tmp_path / "timings" / arm / f"seed{seed}" / f"round{round_}" / "rollout.0.tsv", 1000.0)
    write_timing(tmp_path / "timings/shared/model_teacher.tsv", 12.5)
    write_timing(tmp_path / "timings/shared/other.tsv", 0.25)
    write_timing(tmp_path / "timings/scope/seed0/evaluate.tsv", 4321.0)
    coins = write_problems(tmp_path / "coins.parquet", ["-1=0"] * 3, "puzzle")
    model = seal_files(tmp_path / "student/manifest.json", **{"config.json": "{}"})
    teacher = seal_files(tmp_path / "teacher/manifest.json", **{"config.json": "{}"})
    checks = [{"check": "scores", "passed": True, "detail": "as a forward pass"}]
    parquet.write(tmp_path / "checks.parquet", CHECKS, checks, recipe=STAGE_RECIPE)
    return {
        "evaluations": evaluations, "metrics": metrics,
        "batches": [run / "batch.parquet" for run in runs], "rollouts": [run / "rollouts.parquet" for run in runs],
        "verdicts": [run / "verdicts.parquet" for run in runs], "prompts": prompts,
        "problems": [coins], "issues": [coins.with_suffix(".issues.parquet")],
        "timings": [tmp_path / "timings"], "checks": [tmp_path / "checks.parquet"], "model": [model],
        "teacher": [teacher],
        "out": [tmp_path / "report.html"], "recipe": [recipe()],
    }  # fmt: skip


def arguments(world):
    return [str(word) for name, values in world.items() for word in (f"--{name}", *values)]


@pytest.fixture(scope="module")
def html(world):
    """The report as the command line writes it."""
    command = [sys.executable, str(SCRIPTS / "report.py"), *arguments(world)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return world["out"][0].read_text(encoding="utf-8")


@pytest.fixture
def page(world, monkeypatch, tmp_path):
    """Writes the report with other arguments, in this process and without the chart library."""
    monkeypatch.setattr("vl_convert.javascript_bundle", lambda **_: "")

    def write(**changes):
        changed = {**world, "out": [tmp_path / "page.html"], **changes}
        monkeypatch.setattr(sys, "argv", ["report.py", *arguments(changed)])
        report.main()
        return (tmp_path / "page.html").read_text(encoding="utf-8")

    return write


def of_arm(world, arm):
    """The changes to a whole report's arguments that leave one arm."""
    (other,) = set(ARMS) - {arm}
    kinds = ("evaluations", "metrics")
    kept = {kind: [file for file in world[kind] if f".{other}." not in file.name] for kind in kinds}
    return {**kept, "recipe": [recipe(arms=[arm])]}


def visible(html):
    """The report's words: no scripts, styles, tags or entities, blanks made one."""
    body = re.sub(r"<(script|style).*?</\1>", " ", html, flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", " ", body)
    for entity, character in {"&lt;": "<", "&gt;": ">", "&#39;": "'", "&#34;": '"', "&amp;": "&"}.items():
        text = text.replace(entity, character)
    return re.sub(r"\s+", " ", text)


def section(html, name):
    return visible(re.search(rf'<section id="{name}">(.*?)</section>', html, re.DOTALL)[1])


def charts(html):
    return [json.loads(spec) for spec in re.findall(r'<script type="application/json">(.*?)</script>', html)]


def rows_of(chart):
    (rows,) = chart["datasets"].values()
    return rows


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


@pytest.mark.parametrize(("policy", "seed"), [("stranger", 0), ("scope", 7), ("base", 0)])
def test_a_file_of_another_run_is_refused(page, world, tmp_path, policy, seed):
    evaluation = write_evaluation(tmp_path / "e.parquet", policy, seed, 2, 0.2)
    with refused("no-such-run", f"policy {policy}, seed {seed}"):
        page(evaluations=[*world["evaluations"], evaluation])


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


def test_a_run_of_one_step_is_a_table_and_no_chart(page, tmp_path):
    metrics = [write_metrics(tmp_path / "m.parquet", "scope", 0, 1, shares=[0.25])]
    html = page(recipe=[recipe(arms=["scope"], rounds=1, seeds=[0])], metrics=metrics, evaluations=[], batches=[])
    shown = section(html, "dynamics")
    assert "The figures of the only optimizer step." in shown
    assert "scope seed 0" in shown
    assert "0.25" in shown
    assert not [chart for chart in charts(html) if "optimizer step" in json.dumps(chart)]


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


@pytest.fixture
def sharing(world, tmp_path):
    """Files of the first round of two arms that share their rollouts, each file once per arm that uses it."""
    (tmp_path / "p.parquet").write_bytes(world["prompts"][0].read_bytes())
    sampled = make_recipe("rollout", {"rollout": {"n": 2}})
    files = {"batches": [], "rollouts": [], "verdicts": []}
    for arm in ARMS:
        run = write_run(tmp_path, arm, 0, 1, correct=lambda prompt, sample: sample == 0, sampled=sampled)
        files["batches"].append(run / "batch.parquet")
        for kind in ("rollouts", "verdicts"):
            files[kind].append(tmp_path / "shared/seed0/round1" / f"{kind}.parquet")
    return {**files, "prompts": [tmp_path / "p.parquet"]}


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


def test_policies_that_answered_other_problems_are_refused(page, world, tmp_path):
    odd = write_evaluation(tmp_path / "odd.parquet", "scope", 2, 2, 0.3, problems=19)
    with refused("different-samples", "coins at T1"):
        page(evaluations=[*world["evaluations"], odd])


def test_the_same_samples_twice_are_refused(page, world):
    with refused("repeated-samples", "sampling T1"):
        page(evaluations=world["evaluations"] * 2)


def test_rollouts_of_another_round_are_refused(page, world):
    with refused("unmatched-rows", "--rollouts", "batch.parquet"):
        page(rollouts=world["rollouts"][:1])


def test_files_without_their_labels_are_refused(page, tmp_path):
    parquet.write(tmp_path / "bare.parquet", EVALUATION, [], recipe=STAGE_RECIPE, policy="base")
    with refused("missing-metadata", "bare.parquet", "seed, round"):
        page(evaluations=[tmp_path / "bare.parquet"])


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
