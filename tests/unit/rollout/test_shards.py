"""A shard without prompts is an empty file in every stage, and starts no model."""

import runpy
import sys

import pytest

from conftest import ROOT
from scope.artifacts import parquet
from scope.artifacts.recipe import make_recipe
from scope.artifacts.schemas.prompts import PROMPTS
from scope.artifacts.schemas.rollouts import ROLLOUTS
from scope.artifacts.schemas.scores import SCORES
from scope.artifacts.schemas.verdicts import VERDICTS

ROLLOUT = {"n": 2, "temperature": 1.0, "max_tokens": 4, "shards": 6}
SCORER = {"model": "teacher", "scored": "all", "temperature": 1.0}
SCORERS = [{"backend": "in_process", "pack_tokens": 64, "attention": "auto"}, {"backend": "external", "model": "t"}]
MODELS = {"dtype": "float32"}


@pytest.fixture
def stage(monkeypatch, tmp_path):
    """Runs a stage's script in this process."""

    def run_stage(script, recipe, settings, *words):
        command = [script, *map(str, words), "--recipe", make_recipe(recipe, settings)]
        monkeypatch.setattr(sys, "argv", command)
        runpy.run_path(str(ROOT / f"scripts/{script}.py"))["main"]()

    return run_stage


@pytest.mark.parametrize("engine", ["vllm", "transformers"])
@pytest.mark.parametrize(
    "backend",
    [{"backend": "in_process", "pack_tokens": 64, "attention": "auto"}, {"backend": "external", "model": "t"}],
)
def test_a_shard_without_prompts_is_an_empty_file_in_every_stage(stage, tiny, tmp_path, engine, backend):
    row = {"problem": "p", "answer": "a", "source": "s", "domain": "puzzle", "tests": None}
    rows = [{"prompt_id": str(i), "prompt_token_ids": [3 + i, 14, 5], **row} for i in range(4)]
    prompts, rollouts, verdicts, scores = (tmp_path / f"{name}.parquet" for name in "prsv")
    parquet.write(prompts, PROMPTS, rows, recipe=make_recipe("prompts", {}))
    settings = {
        "rollout": {"engine": engine, **ROLLOUT},
        "behaviour": "student",
        "student_temperature": 1.0,
        "models": MODELS,
        "data": {"max_prompt_tokens": 8},
        "prompts_per_round": 4,
    }
    place = ["--arm", "scope", "--seed", 0, "--round", 1]
    of = ["--prompts", prompts]
    stage("rollout", "rollout", settings, *of, "--policy", tiny["student"], "--shard", 5, *place, "--out", rollouts)
    assert len(parquet.read(rollouts, ROLLOUTS)) == 0
    stage("verify_puzzle", "verify_puzzle", {}, *of, "--rollouts", rollouts, "--out", verdicts)
    assert len(parquet.read(verdicts, VERDICTS)) == 0
    settings = {"scorer": {**SCORER, "teacher": backend}, "models": MODELS}
    files = [*of, "--rollouts", rollouts, "--verdicts", verdicts, "--scorer", tiny["teacher"]]
    stage("score", "score", settings, *files, *place, "--out", scores)
    assert len(parquet.read(scores, SCORES)) == 0
