"""A tree of results with two arms of three rounds, and the command that verifies it."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

import verify_results
from schemas import SCHEMAS
from scope import cli
from scope.artifacts import parquet
from scope.artifacts.digests import file_digest
from scope.artifacts.folder import empty_folder, write_manifest
from scope.artifacts.recipe import make_recipe

RECIPE = make_recipe("weigh", {"objective": {"method": "scope"}, "update.steps_per_round": 2})
DEMO = "results/demo"
ARMS = ("scope", "opd_tau=0.5")
STUDENT, TEACHER = f"{DEMO}/shared/models/student/manifest.json", f"{DEMO}/shared/models/teacher/manifest.json"
PROMPTS, PROBLEMS = f"{DEMO}/shared/prompts/train.parquet", f"{DEMO}/shared/problems/coins.parquet"
FIRST = f"{DEMO}/shared/student-n2-T1-0a1b/seed0/round1"


def write(path, kind, rows, inputs, **notes):
    parquet.write(path, SCHEMAS[kind], rows, recipe=RECIPE, inputs=inputs, **notes)
    return path


def sealed(manifest, name, text, inputs):
    (empty_folder(manifest) / name).write_text(text)
    write_manifest(manifest, recipe=RECIPE, inputs=inputs)
    return manifest


def prompts(path, inputs):
    row = {"problem": "1=1:", "answer": "0", "source": "s", "domain": "puzzle", "tests": None}
    rows = [{"prompt_id": f"p{i}", "prompt_token_ids": [i], **row} for i in range(3)]
    return write(path, "prompts", rows, inputs, split="train")


def draw(folder, policy, text, score="score", **place):
    """One shard of rollouts of `policy` with verdicts and scores."""
    keys = [{"prompt_id": f"p{i}", "sample_index": j} for i in range(3) for j in range(2)]
    sampled = {"response_token_ids": [1, 2], "response_text": text, "logprobs": [-0.5, -1.0], "finish_reason": "stop"}
    rollouts = write(f"{folder}/rollout/0.parquet", "rollouts", [k | sampled for k in keys], [PROMPTS, policy], **place)
    verdict = {"correct": True, "extracted": text, "reason": "correct"}
    verdicts = write(
        f"{folder}/verify/0.parquet", "verdicts", [k | verdict for k in keys], [PROMPTS, rollouts], **place
    )
    scored = [k | {"scorer_logprobs": [-0.1, -0.2]} for k in keys]
    scores = write(f"{folder}/{score}/0.parquet", "scores", scored, [PROMPTS, rollouts, verdicts, TEACHER], **place)
    return [rollouts, verdicts, scores]


def update(arm, round_, sampled):
    """Batch, policy, state and metrics of one round of an arm."""
    folder, before = f"{DEMO}/{arm}/seed0/round{round_}", f"{DEMO}/{arm}/seed0/round{round_ - 1}"
    place = {"arm": arm, "seed": 0, "round": round_}
    batch = write(f"{folder}/batch.parquet", "batch", [], [PROMPTS, *sampled], **place)
    base = [STUDENT] if round_ == 1 else [f"{before}/policy/manifest.json", f"{before}/state/manifest.json"]
    sealed(f"{folder}/policy/manifest.json", "model.safetensors", f"weights of {arm} {round_}", [batch, *base])
    sealed(f"{folder}/state/manifest.json", "optimizer.pt", f"moments of {arm} {round_}", [batch, *base])
    write(f"{folder}/metrics.parquet", "metrics", [{"round": round_, "step": 0}], [batch, *base], **place)


def evaluate(path, policy, label, seed=None, round_=None):
    row = {"sampling": "T1", "benchmark": "coins", "prompt_id": "p0", "sample_index": 0, "correct": True, "tokens": 3,
           "reason": "correct", "finish_reason": "stop"}  # fmt: skip
    write(path, "evaluation", [row], [PROBLEMS, policy], policy=label, seed=seed, round=round_)


def page(inputs):
    block = json.dumps({"inputs": {str(path): file_digest(path) for path in inputs}})
    text = f'<html>\n<script type="application/json" id="provenance">{block}</script>\n</html>\n'
    Path(DEMO, "report.html").write_text(text)


def build():
    """An experiment of two arms and three rounds; the first round's rollouts are shared."""
    Path("rows.jsonl").write_text("{}\n")
    for manifest in (STUDENT, TEACHER):
        sealed(manifest, "model.safetensors", manifest, ["rows.jsonl"])
    prompts(PROMPTS, [STUDENT, str(Path("rows.jsonl").resolve())])
    prompts(PROBLEMS, [STUDENT])
    for policy, manifest in (("base", STUDENT), ("teacher", TEACHER)):
        evaluate(f"{DEMO}/shared/evaluate/{policy}/coins/T1/0.parquet", manifest, policy)
    first = draw(FIRST, STUDENT, "first", "score-teacher-all-9f", arm="shared", seed=0, round=1)
    for arm in ARMS:
        update(arm, 1, first)
        for round_ in (2, 3):
            policy = f"{DEMO}/{arm}/seed0/round{round_ - 1}/policy/manifest.json"
            folder, place = f"{DEMO}/{arm}/seed0/round{round_}", {"arm": arm, "seed": 0, "round": round_}
            update(arm, round_, draw(folder, policy, f"{arm} {round_}", **place))
        last = f"{DEMO}/{arm}/seed0/round3"
        evaluate(f"{last}/evaluate/coins/T1/0.parquet", f"{last}/policy/manifest.json", arm, 0, 3)
    page([f"{DEMO}/{arm}/seed0/round3/{name}.parquet" for arm in ARMS for name in ("metrics", "evaluate/coins/T1/0")])


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = tmp_path_factory.mktemp("built")
    before = os.getcwd()
    os.chdir(root)
    build()
    os.chdir(before)
    return root


@pytest.fixture
def results(built, tmp_path, monkeypatch):
    """A copy of the tree to damage, with the working directory at its root."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "results"


@pytest.fixture
def verify(results, monkeypatch, capsys):
    """Run the command line in the copy; returns its exit status and its lines."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["verify_results.py", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.run(verify_results.main)
        return ended.value.code, "".join(capsys.readouterr()).splitlines()

    return call


def of(round_, name, arm="scope"):
    return Path(DEMO, arm, "seed0", f"round{round_}", name)
