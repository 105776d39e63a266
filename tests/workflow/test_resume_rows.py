"""A stage that writes rows and is killed goes on where it was: no row drawn twice, none of another making used.

Real processes are ended with SIGKILL, and their children, as soon as something is kept; the same command runs again.
"""

import shutil
import sys

import polars as pl
import pytest

from conftest import RECIPE, ROOT, run
from killing import start_and_kill
from schemas import SCHEMAS
from scope.artifacts import parquet
from scope.artifacts.partial import partial_folder
from scope.artifacts.recipe import make_recipe
from scope.artifacts.schemas.rollouts import ROLLOUTS
from scope.artifacts.schemas.verdicts import VERDICTS

PLACE = {"arm": "scope", "seed": 0, "round": 1}
AT_PLACE = [f"--{name}={value}" for name, value in PLACE.items()]
PROMPTS, N = 128, 8  # four batches of the transformers engine


def prompt_rows(count):
    row = {"problem": "99=18:", "answer": "18", "source": "s", "domain": "puzzle", "tests": None}
    return [{"prompt_id": f"p{i:03d}", "prompt_token_ids": [3 + i % 10, 14, 3 + i % 7, 5], **row} for i in range(count)]


@pytest.fixture(scope="module")
def world(tiny, tmp_path_factory):
    """Prompts, and what an unbroken rollout and an unbroken score make of them."""
    root = tmp_path_factory.mktemp("world")
    parquet.write(root / "prompts.parquet", SCHEMAS["prompts"], prompt_rows(PROMPTS), recipe=RECIPE)
    run(*rollout(tiny, root, root / "rollouts.parquet"))
    rows = parquet.read(root / "rollouts.parquet", ROLLOUTS).select("prompt_id", "sample_index")
    verdicts = rows.with_columns(correct=pl.col("sample_index") == 0, extracted=pl.lit(None), reason=pl.lit("wrong"))
    parquet.write(root / "verdicts.parquet", VERDICTS, verdicts, recipe=RECIPE, **PLACE)
    run(*score(tiny, root, root / "scores.parquet"))
    return root


def rollout(tiny, world, out, temperature=1.0, seed=0):
    settings = {
        "rollout": {"engine": "transformers", "n": N, "temperature": temperature, "max_tokens": 24, "shards": 1},
        "behaviour": "student",
        "student_temperature": 1.0,
        "models": {"dtype": "float32"},
        "data": {"max_prompt_tokens": 8},
        "prompts_per_round": PROMPTS,
    }
    files = ["--prompts", world / "prompts.parquet", "--policy", tiny["student"], "--out", out]
    recipe = ["--recipe", make_recipe("rollout", settings)]
    return [sys.executable, ROOT / "scripts/rollout.py", *files, *AT_PLACE, f"--seed={seed}", *recipe]


def score(tiny, world, out, temperature=1.0):
    teacher = {"backend": "in_process", "pack_tokens": 64, "attention": "auto"}
    scorer = {"model": "teacher", "scored": "incorrect", "temperature": temperature, "teacher": teacher}
    files = [f"--{name}={world / name}.parquet" for name in ("prompts", "rollouts", "verdicts")]
    files += ["--scorer", tiny["teacher"], "--out", out]
    recipe = ["--recipe", make_recipe("score", {"scorer": scorer, "models": {"dtype": "float32"}})]
    return [sys.executable, ROOT / "scripts/score.py", *files, *AT_PLACE, *recipe]


def parts_of(out, name):
    return sorted((partial_folder(out) / name).glob("*.parquet"))


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize(("stage", "kind"), [(rollout, "rollouts"), (score, "scores")])
def test_a_killed_stage_goes_on_and_its_rows_are_those_of_an_unbroken_run(stage, kind, tiny, world, tmp_path):
    out = tmp_path / "0.parquet"
    start_and_kill(stage(tiny, world, out), (partial_folder(out), f"{kind}/*.parquet"), out)
    kept = sum(len(parquet.read(part, SCHEMAS[kind])) for part in parts_of(out, kind))
    done = run(*stage(tiny, world, out))
    total = PROMPTS * (N if kind == "rollouts" else N - 1)
    assert 0 < kept < total
    assert f"resume: {kept:,} of {total:,} {kind} are kept from an earlier attempt" in done.stderr
    assert out.read_bytes() == (world / f"{kind}.parquet").read_bytes()
    assert not partial_folder(out).exists()


@pytest.mark.real
@pytest.mark.slow
def test_another_temperature_or_seed_starts_fresh_and_logs_it(tiny, world, tmp_path):
    out = tmp_path / "0.parquet"
    start_and_kill(rollout(tiny, world, out), (partial_folder(out), "rollouts/*.parquet"), out)
    left = tmp_path / "left"
    shutil.copytree(partial_folder(out), left)
    done = run(*rollout(tiny, world, out, temperature=0.7))
    assert f"resume: starts fresh, {partial_folder(out)} is removed: " in done.stderr
    assert "setting rollout.temperature: 1.0 -> 0.7" in done.stderr
    assert "from an attempt before" not in done.stderr
    assert parquet.metadata(out)["temperature"] == 0.7
    shutil.copytree(left, partial_folder(out))
    assert "is removed: setting seed: 0 -> 1" in run(*rollout(tiny, world, out, seed=1)).stderr
    assert not partial_folder(out).exists()


@pytest.mark.real
@pytest.mark.slow
def test_a_killed_evaluation_goes_on_and_equals_an_unbroken_one(tiny, world, tmp_path):
    samplings = {
        "T1": {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0},
        "T0.6": {"temperature": 0.6, "top_p": 0.95, "top_k": 20, "repetition_penalty": 1.0},
    }
    evaluation = {"engine": "transformers", "n": N, "max_tokens": 24, "sampling": samplings, "shards": 1, "seed": 0}
    settings = {"evaluation": evaluation, "models": {"dtype": "float32"}, "data": {"max_prompt_tokens": 8}}
    evaluate = lambda out: [  # noqa: E731
        sys.executable, ROOT / "scripts/evaluate.py", "--problems", world / "prompts.parquet", "--benchmark", "coins",
        "--sampling", "T1", "--policy", tiny["student"], "--label", "base", "--out", out,
        "--recipe", make_recipe("evaluate", settings)]  # fmt: skip
    whole, out = tmp_path / "whole.parquet", tmp_path / "coins.parquet"
    run(*evaluate(whole))
    start_and_kill(evaluate(out), (partial_folder(out), "samples-T1/*.parquet"), out)
    done = run(*evaluate(out))
    assert f"of {PROMPTS * N:,} samples-T1 are kept from an earlier attempt" in done.stderr
    assert out.read_bytes() == whole.read_bytes()
    assert not partial_folder(out).exists()
