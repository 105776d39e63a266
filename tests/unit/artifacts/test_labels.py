"""A stage refuses files that were made for another arm, seed or round, though they lie where its own belong."""

from argparse import Namespace

import pytest

from conftest import RECIPE, seal_files
from refusals import refused
from scope.artifacts import parquet
from scope.artifacts.folder import write_manifest
from scope.artifacts.labels import check_files, check_policy
from scope.artifacts.schemas.batch import BATCH
from scope.artifacts.start import check_policy_before

HERE = {"arm": "scope", "seed": 0, "round": 2}
OTHERS = [{"arm": "grpo"}, {"arm": "shared"}, {"seed": 1}, {"round": 1}, {"round": None}]


def batch(path, **notes):
    parquet.write(path, BATCH, [], recipe=RECIPE, **{**HERE, **notes})
    return path


def test_files_of_the_same_place_are_used(tmp_path):
    check_files([batch(tmp_path / "b.parquet")], Namespace(**HERE))


@pytest.mark.parametrize("other", OTHERS)
def test_files_of_another_place_are_refused(tmp_path, other):
    (key, value), own = *other.items(), batch(tmp_path / "a.parquet")
    with refused("other-label", "b.parquet", f"{key} {value}", f"{key} {HERE[key]}"):
        check_files([own, batch(tmp_path / "b.parquet", **other)], Namespace(**HERE))


def test_shared_rollouts_are_used_where_they_are_shared(tmp_path):
    shared = batch(tmp_path / "b.parquet", arm="shared")
    check_files([shared], Namespace(**HERE), shared=True)
    with refused("other-label", "c.parquet", "arm grpo", "arm scope or shared"):
        check_files([batch(tmp_path / "c.parquet", arm="grpo")], Namespace(**HERE), shared=True)


def test_a_policy_is_that_of_the_round_before(tmp_path):
    manifest = seal_files(tmp_path / "policy/manifest.json", weights="1")
    check_policy(manifest, "scope", 0, 1)  # no round made it
    write_manifest(manifest, recipe=RECIPE, **HERE)
    check_policy(manifest, "scope", 0, 2)
    for arm, seed, round_, key in (("opd", 0, 2, "arm"), ("scope", 1, 2, "seed"), ("scope", 0, 1, "round")):
        with refused("other-label", "manifest.json", f"made as {key} {HERE[key]}"):
            check_policy(manifest, arm, seed, round_)


def test_the_first_policy_is_that_of_the_arm_that_it_starts_from(tmp_path):
    manifest = seal_files(tmp_path / "policy/manifest.json", weights="1")
    write_manifest(manifest, recipe=RECIPE, **HERE)
    first = Namespace(arm="after", seed=0, round=1, start=["scope", "2"])
    check_policy_before(manifest, first)
    for other, key in (({"start": None}, "arm"), ({"start": ["kd", "2"]}, "arm"), ({"start": ["scope", "1"]}, "round")):
        with refused("other-label", "manifest.json", f"made as {key} {HERE[key]}"):
            check_policy_before(manifest, Namespace(**{**vars(first), **other}))
