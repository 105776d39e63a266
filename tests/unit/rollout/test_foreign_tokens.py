"""Rollouts of a teacher, for a student to learn from: an id that the student lacks stops the stage that samples it."""

import runpy
import sys

import pytest

from conftest import RECIPE, ROOT
from model_folders import model_folder
from refusals import refused
from scope.artifacts import parquet
from scope.artifacts.folder import write_manifest
from scope.artifacts.partial import open_partial
from scope.artifacts.recipe import make_recipe
from scope.artifacts.schemas.prompts import PROMPTS
from scope.artifacts.schemas.rollouts import ROLLOUTS
from scope.models.token_ids import TokenIds
from scope.rollout.engine import Engine, Sample, Sampling
from scope.rollout.samples import sample_rows

SETTINGS = {
    "rollout": {"engine": "transformers", "n": 2, "temperature": 1.0, "max_tokens": 8, "shards": 1},
    "behaviour": "teacher",
    "student_temperature": 1.0,
    "models": {"dtype": "float32"},
    "data": {"max_prompt_tokens": 8},
    "prompts_per_round": 2,
}


class Writing(Engine):
    """Gives each request the response [1, its token]."""

    def __init__(self, *tokens):
        self.tokens = tokens

    def sample_each(self, requests, sampling, done=()):
        return ((i, Sample([1, token], [-0.5, -0.5], "x", "stop")) for i, token in enumerate(self.tokens))


@pytest.mark.parametrize("foreign", [20, 5])
def test_the_rollout_and_the_id_are_named(tmp_path, foreign):
    def sampled(last, tokens):
        work = open_partial(tmp_path / "rollouts.parquet", RECIPE, [])
        keys, sampling = [("a", 0), ("b", 3)], Sampling(1.0, 8)
        return sample_rows(Writing(2, last), keys, [None, None], sampling, work, f"to-{last}-{tokens}", tokens)

    assert [row["response_token_ids"] for row in sampled(foreign, None)] == [[1, 2], [1, foreign]]
    assert len(sampled(3, TokenIds(17, (5,)))) == 2
    with refused("other-tokenizer", "rollout 3", "'b'", f"id {foreign}"):
        sampled(foreign, TokenIds(17, (5,)))


def test_the_stage_refuses_a_teacher_with_more_tokens_and_passes_one_with_the_students(tiny, tmp_path, monkeypatch):
    teacher = model_folder(tmp_path / "teacher") / "manifest.json"
    write_manifest(teacher, recipe=RECIPE)
    row = {"problem": "p", "answer": "a", "source": "s", "domain": "puzzle", "tests": None}
    prompts, out = tmp_path / "prompts.parquet", tmp_path / "rollouts.parquet"
    rows = [{"prompt_id": str(i), "prompt_token_ids": [3 + i, 14, 5], **row} for i in range(2)]
    parquet.write(prompts, PROMPTS, rows, recipe=RECIPE)

    def stage(student):
        words = ["--prompts", prompts, "--policy", teacher, "--student", student, "--out", out]
        recipe = ["--recipe", make_recipe("rollout", SETTINGS)]
        place = ["--arm", "kd", "--seed", "0", "--round", "1"]
        monkeypatch.setattr(sys, "argv", [str(w) for w in ("rollout", *words, *place, *recipe)])
        runpy.run_path(str(ROOT / "scripts/rollout.py"))["main"]()

    with refused("other-tokenizer", "rollout", "student's tokenizer"):
        stage(tiny["student"])
    stage(teacher)
    assert len(parquet.read(out, ROLLOUTS)) == 4
