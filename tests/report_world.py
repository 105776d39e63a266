"""A made-up run of two arms for the report, the page that the command line makes of it, and the words of that page."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

import report
from conftest import ROOT, seal_files
from schemas import SCHEMAS
from scope.artifacts import parquet
from scope.artifacts.recipe import make_recipe
from scope.artifacts.schemas.checks import CHECKS
from scope.artifacts.schemas.evaluation import EVALUATION
from scope.artifacts.schemas.issues import ISSUES
from scope.artifacts.schemas.metrics import METRIC_NAMES, METRICS
from scope.artifacts.schemas.prompts import PROMPTS

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
