"""An update that is killed goes on from a checkpoint and equals an unbroken one bit by bit, no step counted twice."""

import json
import os
import sys
import time

import pytest

from conftest import RECIPE, ROOT, run
from flows import checkout, content, digests, kill_all, snakemake
from killing import flip_a_byte, start_and_kill
from scope.artifacts import parquet
from scope.artifacts.folder import empty_folder, read_manifest, write_manifest
from scope.artifacts.recipe import make_recipe
from scope.artifacts.schemas.batch import BATCH
from scope.artifacts.schemas.metrics import METRICS, STEP_COSTS
from scope.config.training import Update
from scope.planning.take import take
from scope.update.execution import Execution
from scope.update.recipe import UpdateSettings
from worlds import made_up_round, objective_of, scored_by, tiny_model, weigh

PLACE = {"arm": "scope", "seed": 0, "round": 1}
AT_PLACE = [f"--{name}={value}" for name, value in PLACE.items()]
STEPS = 12


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """Twelve steps of SCOPE on made-up rollouts, and the policy that they start from."""
    root = tmp_path_factory.mktemp("batch")
    manifest = root / "student/manifest.json"
    student = tiny_model(1)
    folder = empty_folder(manifest)
    student.save_pretrained(folder)
    from scope.models.tokenizers import character_tokenizer

    character_tokenizer().save_pretrained(folder)
    write_manifest(manifest, recipe=RECIPE)
    rows = weigh(
        scored_by(made_up_round({f"p{i:02d}": "1100" for i in range(STEPS)}), student, tiny_model(2)), objective_of(), 1
    )
    losses = {"kl": "sampled", "opd_clip": None, "pg_clip": 0.2, "kl_coefficient": None}
    parquet.write(root / "batch.parquet", BATCH, rows, recipe=RECIPE, losses=losses, **PLACE)
    return root


def update(batch, place, ranks=1, stage=1, rate=1e-3):
    section = Update(
        steps_per_round=STEPS,
        prompts_per_step=1,
        learning_rate=rate,
        micro_batch_tokens=64,
        ranks=ranks,
        deepspeed={"zero_optimization": {"stage": stage}},
    )
    settings = {
        "update": take(UpdateSettings, section).model_dump(),
        "student_temperature": 1.0,
        "teacher_temperature": None,
        "models": {"dtype": "float32"},
    }
    inputs = ["--batch", batch / "batch.parquet", "--policy", batch / "student/manifest.json"]
    sealed = ["--out-policy", place / "policy/manifest.json", "--out-state", place / "state/manifest.json"]
    metrics = ["--out-metrics", place / "metrics.parquet", "--out-live", place / "metrics.jsonl"]
    metrics += ["--out-costs", place / "costs.parquet"]
    execution = take(Execution, section).model_dump_json()
    recipe = ["--recipe", make_recipe("update", settings), "--execution", execution]
    return [sys.executable, ROOT / "scripts/update.py", *AT_PLACE, *inputs, *sealed, *metrics, *recipe]


def kill_update(command, place):
    kept = (place / ".update.unfinished", "step*/manifest.json")
    start_and_kill(command, kept, place / "metrics.parquet", seconds="0")
    assert not (place / "policy/manifest.json").exists()


def check_equal_to_unbroken(place, whole):
    """Policy, state and metrics have the same bytes; every step is there once, and its cost too."""
    for name in ("policy", "state"):
        files = [read_manifest(root / name / "manifest.json")["files"] for root in (place, whole)]
        assert files[0] == files[1]
    for name in ("metrics.parquet", "metrics.jsonl"):
        assert content(place / name) == content(whole / name)
    for name, schema in (("metrics.parquet", METRICS), ("costs.parquet", STEP_COSTS)):
        assert parquet.read(place / name, schema)["step"].to_list() == list(range(1, STEPS + 1))
    assert not (place / ".update.unfinished").exists()


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize(("ranks", "stage"), [(1, 0), (1, 1), (1, 2), (1, 3), (2, 0), (2, 1), (2, 2), (2, 3)])
def test_a_killed_update_goes_on_and_equals_an_unbroken_one_bit_by_bit(ranks, stage, batch, tmp_path):
    whole, place = tmp_path / "whole", tmp_path / "round1"
    run(*update(batch, whole, ranks, stage))
    kill_update(update(batch, place, ranks, stage), place)
    (place / "metrics.jsonl").unlink()  # as it is deleted before every attempt
    done = run(*update(batch, place, ranks, stage))
    assert f" of {STEPS} steps are kept from an earlier attempt" in done.stderr
    check_equal_to_unbroken(place, whole)


@pytest.mark.real
@pytest.mark.slow
def test_a_checkpoint_that_is_damaged_or_half_written_is_removed(batch, tmp_path):
    whole, place = tmp_path / "whole", tmp_path / "round1"
    run(*update(batch, whole))
    kill_update(update(batch, place), place)
    manifest = max((place / ".update.unfinished").glob("step*/manifest.json"), key=os.path.getmtime)
    flip_a_byte(next(manifest.parent.glob("*.safetensors")))
    half = place / ".update.unfinished/step99"
    half.mkdir()
    (half / "00000-00000.safetensors").write_text("half of it")
    done = run(*update(batch, place))
    assert f"resume: {manifest.parent} is not a complete checkpoint of this update and is removed" in done.stderr
    assert f"resume: {half} is not a complete checkpoint of this update and is removed" in done.stderr
    check_equal_to_unbroken(place, whole)


@pytest.mark.real
@pytest.mark.slow
def test_another_learning_rate_starts_fresh_and_logs_it(batch, tmp_path):
    whole, place = tmp_path / "whole", tmp_path / "round1"
    run(*update(batch, whole, rate=2e-3))
    kill_update(update(batch, place), place)
    done = run(*update(batch, place, rate=2e-3))
    assert "is removed: setting update.learning_rate: 0.001 -> 0.002" in done.stderr
    assert "from an attempt before" not in done.stderr
    check_equal_to_unbroken(place, whole)


@pytest.mark.real
@pytest.mark.slow
def test_a_run_killed_in_an_update_resumes_its_steps_under_the_workflow(tmp_path):
    """The interval comes from the configuration, and what is kept outlives the deletion of declared outputs."""
    steps = {"steps_per_round": 4, "prompts_per_step": 2, "ranks": 1, "micro_batch_tokens": 128}
    laid_over = {"checkpoint": {"interval_s": 0}, "update": steps, "rollout": {"engine": "transformers", "shards": 1}}
    folder = checkout(tmp_path)
    (folder / "resume.json").write_text(json.dumps(laid_over))
    world = ["--configfile", "tests/configs/smallest.yaml", "resume.json", "--until", "update"]
    snakemake(folder, *world)
    unbroken, round_ = digests(folder), folder / "results/smallest/scope/seed0/round1"
    process = snakemake(folder, *world, "--forcerun", "update", wait=False)
    while not list(round_.glob(".update.unfinished/step*/manifest.json")) and process.poll() is None:
        time.sleep(0.01)
    assert process.poll() is None, "the update ended before it could be killed"
    kill_all(folder)
    process.wait()
    assert not (round_ / "policy/manifest.json").exists()
    snakemake(folder, *world)
    assert "of 4 steps are kept from an earlier attempt" in (round_ / "logs/update.log").read_text()
    assert digests(folder) == unbroken
