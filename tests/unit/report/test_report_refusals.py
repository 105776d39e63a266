"""Artifacts that do not belong together are refused by the report, by name."""

import pytest

from refusals import refused
from report_world import STAGE_RECIPE, page, recipe, world, write_evaluation  # noqa: F401
from scope.artifacts import parquet
from scope.artifacts.schemas.evaluation import EVALUATION

pytestmark = pytest.mark.real  # each builds a whole page


@pytest.mark.parametrize(("policy", "seed"), [("stranger", 0), ("scope", 7), ("base", 0)])
def test_a_file_of_another_run_is_refused(page, world, tmp_path, policy, seed):
    evaluation = write_evaluation(tmp_path / "e.parquet", policy, seed, 2, 0.2)
    with refused("no-such-run", f"policy {policy}, seed {seed}"):
        page(evaluations=[*world["evaluations"], evaluation])


def test_policies_that_answered_other_problems_are_refused(page, world, tmp_path):
    odd = write_evaluation(tmp_path / "odd.parquet", "scope", 2, 2, 0.3, problems=19)
    with refused("different-samples", "coins at T1"):
        page(evaluations=[*world["evaluations"], odd])


def test_the_same_samples_twice_are_refused(page, world):
    with refused("repeated-samples", "sampling T1"):
        page(evaluations=world["evaluations"] * 2)


def test_rollouts_of_another_round_are_refused(page, world):
    with refused("unmatched-rows", "--rollouts", "batch.parquet"):
        page(rollouts=world["rollouts"][:1])


def test_files_without_their_labels_are_refused(page, tmp_path):
    parquet.write(tmp_path / "bare.parquet", EVALUATION, [], recipe=STAGE_RECIPE, policy="base")
    with refused("missing-metadata", "bare.parquet", "seed, round"):
        page(evaluations=[tmp_path / "bare.parquet"])
