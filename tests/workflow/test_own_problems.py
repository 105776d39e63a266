"""The example for own problems in config/README.md: it is complete, plans, and runs on a pretrained model."""

import json
import os
import re
import shutil

import pytest

from conftest import ROOT
from flows import checkout, snakemake, would_run

pytestmark = pytest.mark.real
TEXT = (ROOT / "config/README.md").read_text().split("## Your own problems")[1].split("\n## ")[0]
CHANGES = (("has", "buys", 1), ("had", "lost", -1))


def problem(number):
    """One of many short problems in the wording of the example, its answer and its solution."""
    verb, change, sign = CHANGES[number % 2]
    text = f"Ann {verb} {number + 20} pens and {change} {number + 2}. How many pens does Ann have?"
    answer = number + 20 + sign * (number + 2)
    solution = f"{number + 20} {'+' if sign > 0 else '-'} {number + 2} = {answer}. The answer is \\boxed{{{answer}}}."
    return text, str(answer), solution


def write_rows(path, rows):
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")


@pytest.fixture
def mine(tmp_path):
    """A checkout with the example's configuration and files."""
    folder = checkout(tmp_path / "checkout")
    (folder / "mine.yaml").write_text(re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)[1])
    problems = [problem(number) for number in range(16)]
    write_rows(folder / "mine/train.jsonl", [{"problem": text, "answer": answer} for text, answer, _ in problems[:8]])
    write_rows(
        folder / "mine/held_out.jsonl", [{"problem": text, "answer": answer} for text, answer, _ in problems[8:]]
    )
    write_rows(
        folder / "mine/solved.jsonl", [{"problem": text, "solution": worked} for text, _, worked in problems[:4]]
    )
    return folder


def test_rows_of_the_text_are_json_of_one_line():
    rows = [json.loads(row) for row in re.findall(r'\{"problem".*?"\}', TEXT)]
    assert [sorted(row) for row in rows] == [["answer", "problem"]] * 2 + [["problem", "solution"]]


def test_the_example_plans_one_round(mine, tiny, tmp_path, monkeypatch):
    shutil.copytree(tiny["student"].parent, tmp_path / "models/smollm2-135m-instruct")
    monkeypatch.setenv("SCOPE_MODELS", str(tmp_path / "models"))
    jobs = would_run(mine, "--configfile", "mine.yaml", "--config", "data={chat: null}")
    assert jobs["rollout_shared"] == jobs["score_shared"] == jobs["update"] == jobs["report"] == 1


@pytest.mark.slow
@pytest.mark.skipif("SCOPE_SMOLLM" not in os.environ, reason="SCOPE_SMOLLM names no folder with SmolLM2-135M-Instruct")
def test_the_example_runs_on_a_pretrained_model(mine, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models/smollm2-135m-instruct").symlink_to(os.environ["SCOPE_SMOLLM"])
    snakemake(mine, "--configfile", "mine.yaml", SCOPE_MODELS=tmp_path / "models")
    assert "held_out" in (mine / "results/mine/report.html").read_text()
