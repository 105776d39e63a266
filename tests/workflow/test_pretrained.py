"""The whole loop on a real pretrained model, SmolLM2-135M-Instruct: from its folder to the report."""

import os

import pytest

from flows import checkout, made_from, snakemake
from scope.artifacts import parquet
from scope.artifacts.schemas.metrics import METRICS
from scope.artifacts.schemas.rollouts import ROLLOUTS
from scope.artifacts.schemas.scores import SCORES

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        "SCOPE_SMOLLM" not in os.environ, reason="SCOPE_SMOLLM names no folder with SmolLM2-135M-Instruct"
    ),
]
SMALL = ("--configfile", "config/smollm.yaml", "tests/configs/pretrained.yaml")


@pytest.mark.parametrize("dtype", ["float32", pytest.param("bfloat16", marks=pytest.mark.slow)])
def test_a_round_of_scope_on_a_pretrained_model(tmp_path, dtype):
    folder = checkout(tmp_path)
    options = (*SMALL, "--config", f"models={{dtype: {dtype}}}")
    snakemake(folder, *options)
    round_ = folder / "results/pretrained/scope/seed0/round1"
    made = round_.relative_to(folder) / "batch.parquet"
    rollouts = parquet.read_all(made_from(folder, made, "rollout"), ROLLOUTS)
    scores = parquet.read_all(made_from(folder, made, "score"), SCORES)
    assert len(rollouts) == 4 * 2
    assert rollouts["response_text"].str.len_chars().min() > 0
    assert scores["scorer_logprobs"].drop_nulls().explode().mean() > -3  # of a model that knows English
    metrics = parquet.read(round_ / "metrics.parquet", METRICS)
    assert metrics["loss"].is_finite().all()
    assert metrics["trained"].to_list() == [1.0]
    assert metrics["engine_gap_mean"].max() < {"bfloat16": 0.1, "float32": 1e-4}[dtype]
    assert "A pretrained model" in (folder / "results/pretrained/report.html").read_text()
    assert "Nothing to be done" in snakemake(folder, *options)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_every_method_of_the_configuration_runs_to_the_report(tmp_path, dtype):
    folder = checkout(tmp_path)
    arms = ("scope", "opd", "grpo", "kd", "scope_full_kl", "scope_lora")
    model = os.environ["SCOPE_SMOLLM"]
    paths = f"models={{dtype: {dtype}, student: {{path: {model}}}, teacher: {{path: {model}}}}}"
    options = ("--configfile", "config/smollm.yaml", "--config", paths, f"arms=[{','.join(arms)}]")
    snakemake(folder, *options)
    for arm in arms:
        for round_ in (1, 2):
            metrics = parquet.read(folder / f"results/smollm/{arm}/seed0/round{round_}/metrics.parquet", METRICS)
            assert metrics["loss"].is_finite().all()
    page = (folder / "results/smollm/report.html").read_text()
    assert all(arm in page for arm in arms)
    assert "Nothing to be done" in snakemake(folder, *options)
