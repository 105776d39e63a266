"""The whole loop on models with more logits than tokens, whose other logits are as likely: none of them counts."""

import math

import pytest
import yaml

from flows import checkout, made_from, snakemake
from model_folders import padded_folder
from scope.artifacts import parquet
from scope.artifacts.schemas.metrics import METRICS
from scope.artifacts.schemas.rollouts import ROLLOUTS
from scope.artifacts.schemas.scores import SCORES

pytestmark = [pytest.mark.real, pytest.mark.slow]
TOKENS = 17


@pytest.mark.parametrize("rows", [50, 20])
def test_student_and_teacher_of_unequal_logits_run_to_the_report(tmp_path, rows):
    folder = checkout(tmp_path / "checkout")
    paths = {
        "student": padded_folder(tmp_path / "student", rows=40),
        "teacher": padded_folder(tmp_path / "teacher", rows=rows),
    }
    models = {name: {"path": str(path), "random_init": None, "sft": None} for name, path in paths.items()}
    arms = ["scope", "scope_full_kl"]
    update = {"ranks": 1, "steps_per_round": 1, "prompts_per_step": 8}
    changes = {"experiment": "padded", "arms": arms, "models": models, "update": update}
    (tmp_path / "padded.yaml").write_text(yaml.safe_dump(changes))
    snakemake(folder, "--configfile", "tests/configs/smallest.yaml", tmp_path / "padded.yaml")
    for arm in arms:
        round_ = folder / f"results/padded/{arm}/seed0/round1"
        batch = round_.relative_to(folder) / "batch.parquet"
        rollouts = parquet.read_all(made_from(folder, batch, "rollout"), ROLLOUTS)
        assert rollouts["response_token_ids"].explode().max() < TOKENS
        scores = parquet.read_all(made_from(folder, batch, "score"), SCORES)
        assert scores["scorer_logprobs"].drop_nulls().explode().max() <= 0
        metrics = parquet.read(round_ / "metrics.parquet", METRICS)
        assert metrics["engine_gap_max"].max() < 1e-4, "a logit without a token would hold most of the probability"
        assert metrics["entropy"].max() <= math.log(TOKENS) + 1e-6
