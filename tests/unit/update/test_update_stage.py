"""The stage's command line, over one process and over two."""

import json
import math
import sys

import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close

from conftest import RECIPE, ROOT, run
from model_folders import edit_json
from scope.artifacts import parquet
from scope.artifacts.folder import empty_folder, open_folder, write_manifest
from scope.artifacts.recipe import make_recipe
from scope.artifacts.schemas.batch import BATCH
from scope.artifacts.schemas.metrics import METRICS, STEP_COSTS
from scope.models.load import load_model
from scope.models.pack_plan import plan_packs
from scope.models.tokenizers import character_tokenizer
from scope.update.round import compare
from trainers import ARMS, make_batch, update_settings

RUN = {"arm": "mixed", "seed": 0, "round": 1}


def save_model(model, manifest):
    folder = empty_folder(manifest)
    model.save_pretrained(folder)
    character_tokenizer().save_pretrained(folder)
    write_manifest(manifest, recipe=RECIPE)
    return manifest


def update_arguments(ranks):
    update, execution = update_settings(steps_per_round=2, ranks=ranks)
    settings = {
        "update": update.model_dump(),
        "student_temperature": 1.0,
        "teacher_temperature": 1.0,
        "models": {"dtype": "float32"},
    }
    return ["--recipe", make_recipe("update", settings), "--execution", execution.model_dump_json()]


def run_update(place, batch, policy, *, ranks=1, check=True):
    """Run scripts/update.py; returns the finished process and where its policy and metrics lie."""
    out = {
        "policy": place / "policy/manifest.json",
        "state": place / "state/manifest.json",
        "metrics": place / "metrics.parquet",
    }
    words = [f"--{name}={value}" for name, value in RUN.items()] + [
        f"--out-{name}={path}" for name, path in out.items()
    ]
    script = [sys.executable, ROOT / "scripts/update.py", *update_arguments(ranks)]
    live = ["--out-live", place / "metrics.jsonl", "--out-costs", place / "costs.parquet"]
    inputs = ["--batch", batch, "--policy", policy]
    return run(*script, *inputs, *live, *words, check=check, SCOPE_PEAK_TFLOPS="1"), out


def write_mixed_batch(path, student, teacher):
    """Two steps with all four token losses, which `update` may meet in any company."""
    arms = {
        "scope": {"a": "110", "b": "000", "c": "100", "d": "111"},
        "grpo": {"e": "10", "f": "01"},
        "kd": {"g": "11", "h": "01"},
    }
    parts = [
        make_batch(ARMS[arm], student, teacher, groups, prompts_per_step=len(groups) // 2)
        for arm, groups in arms.items()
    ]
    losses = {"kl": "sampled", "opd_clip": None, "pg_clip": 0.2, "kl_coefficient": 0.1}
    parquet.write(path, BATCH, pl.concat(parts, how="vertical_relaxed"), recipe=RECIPE, losses=losses, **RUN)
    return path


@pytest.mark.real
def test_one_rank_and_two_make_the_same_policy(student, teacher, tmp_path):
    """Each step has an odd number of packs, so one of two ranks runs idle in its last micro-batch."""
    policy = save_model(student, tmp_path / "student/manifest.json")
    path = write_mixed_batch(tmp_path / "batch.parquet", student, teacher)
    batch = parquet.read(path, BATCH)
    assert set(batch["loss"]) == {"mle", "opd", "pg", "nll"}
    for _, rows in batch.group_by("step"):
        lengths = rows["prompt_token_ids"].list.len() + rows["response_token_ids"].list.len()
        assert len(plan_packs(lengths.to_list(), 64)) % 2 == 1

    (_, one), (_, two) = (run_update(tmp_path / str(n), path, policy, ranks=n) for n in (1, 2))
    weights, others = (load_file(open_folder(out["policy"]) / "model.safetensors") for out in (one, two))
    start = load_file(policy.parent / "model.safetensors")
    assert_close(others, weights, rtol=0, atol=1e-5)
    assert max((weights[name] - start[name]).abs().max() for name in start) > 1e-4
    metrics, of_two = (parquet.read(out["metrics"], METRICS).to_dicts() for out in (one, two))
    assert [row["step"] for row in metrics] == [1, 2]
    for row, other in zip(metrics, of_two, strict=True):
        assert other == pytest.approx(row, rel=1e-4, abs=1e-6)
    for place in (tmp_path / "1", tmp_path / "2"):
        costs = parquet.read(place / "costs.parquet", STEP_COSTS).to_dicts()
        assert all(row["tokens_per_second"] > 0 and row["mfu"] > 0 and row["seconds_backward"] > 0 for row in costs)
        live = [json.loads(line) for line in (place / "metrics.jsonl").read_text().splitlines()]
        assert [{name: row[name] for name in costs[0]} for row in live] == costs


@pytest.mark.real
def test_a_policy_that_is_not_finite_is_not_saved(student, teacher, tmp_path):
    path = write_mixed_batch(tmp_path / "batch.parquet", student, teacher)
    with torch.no_grad():
        student.model.norm.weight[0] = math.nan
    policy = save_model(student, tmp_path / "student/manifest.json")
    done, out = run_update(tmp_path, path, policy, check=False)
    assert done.returncode == 2
    assert "error: step 1: the loss is nan" in done.stderr
    assert not any(made.exists() for made in out.values())


@pytest.mark.real
def test_a_policy_is_saved_whatever_its_generation_settings_and_with_all_its_eos_ids(student, teacher, tmp_path):
    path = write_mixed_batch(tmp_path / "batch.parquet", student, teacher)
    policy = save_model(student, tmp_path / "student/manifest.json")
    edit_json(policy.parent / "generation_config.json", temperature=0.6, eos_token_id=[1, 2])
    write_manifest(policy, recipe=RECIPE)
    _, out = run_update(tmp_path, path, policy)
    saved = open_folder(out["policy"])
    assert json.loads((saved / "generation_config.json").read_text())["eos_token_id"] == [1, 2]
    assert load_model(saved, "float32").generation_config.eos_token_id == [1, 2]


def test_a_recomputed_policy_that_differs_is_logged_with_the_cause(tmp_path):
    def policy(name, weights, ranks):
        manifest = tmp_path / name / "manifest.json"
        (empty_folder(manifest) / "model.safetensors").write_text(weights)
        write_manifest(manifest, recipe=RECIPE, execution={"ranks": ranks})
        return manifest

    first, same, rounded, resharded = (
        policy("first", "a", 1), policy("same", "a", 2), policy("rounded", "b", 1), policy("resharded", "b", 2)
    )  # fmt: skip
    assert compare(same, first) == f"{same}: equal to {first}, bit by bit"
    assert "the arithmetic of this machine" in compare(rounded, first)
    assert "computed with update: {'ranks': 1}, this one with {'ranks': 2}" in compare(resharded, first)
