"""Retention: what goes and what stays, and that a deleted policy comes back equal, and only when it is wanted."""

import json
import re
import shutil
import sys

import pytest
import yaml

from conftest import RECIPE, run, seal_files
from flows import checkout, digests, snakemake, would_run
from scope.artifacts import parquet
from scope.artifacts.folder import open_folder
from scope.artifacts.recipe import make_recipe
from scope.artifacts.schemas.batch import BATCH
from scope.artifacts.schemas.evaluation import EVALUATION
from scope.artifacts.stages import CHAIN
from scope.config.output import Retention
from scope.errors import InputError
from scope.planning import retention
from scope.planning.retire_recipe import RetentionSettings

WORLD = ("--configfile", "tests/configs/smallest.yaml", "tests/configs/retention.yaml")
ARM = "results/retention/scope/seed0"


def keep(**settings):
    return RetentionSettings.model_validate(Retention(**settings).model_dump())


@pytest.fixture
def policy(tmp_path):
    files = {"model.safetensors": "weights", "deep/more.bin": "more"}
    return seal_files(tmp_path / "round3/policy/manifest.json", **files)


def test_nothing_is_dropped_unless_asked():
    assert not Retention().drops
    assert Retention(keep_policies_every=2).drops
    assert Retention(keep_states_every=0).drops
    assert Retention(keep_rollouts="last").drops


@pytest.mark.parametrize(("every", "kept"), [(0, []), (1, [1, 2, 3, 4, 5, 6]), (2, [2, 4, 6]), (4, [4]), (9, [])])
def test_every_kth_round_is_kept(every, kept):
    assert [round_ for round_ in range(1, 7) if retention.keeps(every, round_)] == kept


def test_the_best_policy_is_spared_until_it_is_overtaken():
    settings = keep(keep_policies_every=0, keep_best=True)
    assert retention.policies_to_drop(settings, 1, {}) == [1]
    assert retention.policies_to_drop(settings, 2, {2: 0.4}) == []
    assert retention.policies_to_drop(settings, 3, {2: 0.4}) == [3]
    assert retention.policies_to_drop(settings, 4, {2: 0.4, 4: 0.3}) == [4]
    assert retention.policies_to_drop(settings, 6, {2: 0.4, 4: 0.3, 6: 0.5}) == [2, 4]
    assert retention.policies_to_drop(keep(keep_policies_every=2, keep_best=True), 6, {2: 0.4, 4: 0.3, 6: 0.5}) == []


def test_of_two_policies_alike_the_later_one_is_the_best():
    assert retention.policies_to_drop(keep(keep_policies_every=0, keep_best=True), 4, {2: 0.4, 4: 0.4}) == [2]


def test_a_policy_that_other_arms_start_from_is_kept():
    settings = keep(keep_policies_every=0, keep_best=True)
    assert retention.policies_to_drop(settings, 1, {}, [1]) == []
    assert retention.policies_to_drop(settings, 6, {2: 0.4, 4: 0.3, 6: 0.5}, [2]) == [4]


def test_dropping_leaves_the_manifest_and_can_be_repeated(policy):
    before = policy.read_bytes()
    dropped = retention.drop(policy)
    assert dropped == retention.drop(policy)
    assert sorted(dropped) == [str(policy.parent / "deep/more.bin"), str(policy.parent / "model.safetensors")]
    assert [path.name for path in policy.parent.iterdir()] == ["manifest.json"]
    assert policy.read_bytes() == before
    assert retention.is_retired(policy)
    assert not retention.is_there(policy)


def test_what_was_never_made_is_not_retired(tmp_path):
    assert not retention.is_retired(tmp_path / "manifest.json")
    assert not retention.is_there(tmp_path / "manifest.json")


def test_opening_a_deleted_policy_prints_how_to_recompute_it(policy):
    retention.drop(policy)
    with pytest.raises(InputError, match="delete the manifest and run again"):
        open_folder(policy)
    (policy.parent.parent / "retired.json").write_text("{}")
    with pytest.raises(InputError, match=r"deleted it: `snakemake \S+round3/restored/policy/manifest.json` recomputes"):
        open_folder(policy)


def graded(path, round_, correct):
    row = {"sampling": "T1", "benchmark": "coins", "tokens": 3, "finish_reason": "stop", "reason": "wrong",
           "extracted": None}  # fmt: skip
    rows = [{**row, "prompt_id": "p", "sample_index": i, "correct": right} for i, right in enumerate(correct)]
    parquet.write(path, EVALUATION, rows, recipe=RECIPE, policy="scope", seed=0, round=round_)
    return path


def test_retiring_a_round_spares_the_best_policy_and_records_what_went(tmp_path):
    evaluations = []
    for round_, correct in ((1, [True, True]), (2, [True, False])):
        place = tmp_path / f"round{round_}"
        for kind in ("policy", "state"):
            seal_files(place / kind / "manifest.json", **{"weights.bin": kind})
        evaluations.append(graded(place / "evaluate/coins/T1/0.parquet", round_, correct))
    batch = tmp_path / "round2/batch.parquet"
    parquet.write(batch, BATCH, [], recipe=RECIPE)
    settings = {"retention": Retention(keep_policies_every=0, keep_states_every=1, keep_best=True).model_dump()}
    run(sys.executable, "scripts/retire.py", "--round", "2", "--batch", batch, "--evaluations", *evaluations,
        "--out", tmp_path / "round2/retired.json", "--recipe", make_recipe("retire", settings))  # fmt: skip
    assert [retention.is_there(tmp_path / f"round{r}/policy/manifest.json") for r in (1, 2)] == [True, False]
    assert [retention.is_there(tmp_path / f"round{r}/state/manifest.json") for r in (1, 2)] == [True, True]
    record = json.loads((tmp_path / "round2/retired.json").read_text())
    assert record["dropped"] == [str(tmp_path / "round2/policy/weights.bin")]
    assert list(record["inputs"]) == sorted(map(str, [batch, *evaluations]))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = checkout(tmp_path_factory.mktemp("retention"))
    snakemake(folder, *WORLD)
    return folder


def there(folder, kind):
    """The rounds whose folder of a kind holds its files."""
    return [r for r in range(1, 5) if retention.is_there(folder / f"{ARM}/round{r}/{kind}/manifest.json")]


@pytest.mark.real
@pytest.mark.slow
def test_what_the_policy_does_not_keep_goes_as_the_rounds_pass(finished):
    assert there(finished, "policy") == [3, 4]
    assert there(finished, "state") == [2, 4]
    assert [r for r in range(2, 5) if (finished / f"{ARM}/round{r}/rollout/0.parquet").exists()] == [4]
    assert all((finished / f"{ARM}/round{r}/batch.parquet").exists() for r in range(1, 5))
    assert list((finished / "results/retention/shared").glob("student-*/seed0/round1/rollout/0.parquet"))


@pytest.mark.real
@pytest.mark.slow
def test_nothing_final_is_recomputed_for_what_was_deleted(finished, tmp_path):
    assert would_run(finished, *WORLD) == {}
    (tmp_path / "longer.yaml").write_text("rounds: 5\n")
    one_more = dict.fromkeys([*CHAIN, "evaluate", "grade", "report", "retire"], 1)
    assert would_run(finished, *WORLD, tmp_path / "longer.yaml") == one_more
    (tmp_path / "shorter.yaml").write_text("rounds: 3\n")
    assert would_run(finished, *WORLD, tmp_path / "shorter.yaml") == {"evaluate": 1, "grade": 1, "report": 1}
    (tmp_path / "title.yaml").write_text("report: {title: Another}\n")
    assert would_run(finished, *WORLD, tmp_path / "title.yaml") == {"report": 1}


@pytest.mark.real
@pytest.mark.slow
def test_the_results_still_verify(finished):
    said = snakemake(finished, script="scripts/verify_results.py")
    assert re.search(r"results/retention: \d+ artifacts, \d+ links, [1-9]\d* retired files: all as recorded", said)


COMES_BACK = (
    rf"{ARM}/round2/policy was deleted by the retention policy; to recompute it, 2 update\(s\) from "
    r"the base policy on are repeated, about \d+ s"
)


@pytest.mark.real
@pytest.mark.slow
def test_a_deleted_policy_asked_for_by_name_comes_back_equal_and_stays(finished):
    said = snakemake(finished, *WORLD, "--", f"{ARM}/round2/restored/policy/manifest.json")
    assert re.search(COMES_BACK, said)
    restored, original = (
        json.loads((finished / f"{ARM}/round2/{place}/manifest.json").read_text())
        for place in ("restored/policy", "policy")
    )
    assert restored["files"] == original["files"]
    log = (finished / f"{ARM}/round2/logs/restore.log").read_text()
    assert f"equal to {ARM}/round2/policy/manifest.json, bit by bit" in log
    assert not (finished / f"{ARM}/round1/restored").exists()
    assert would_run(finished, *WORLD) == {}


@pytest.mark.real
@pytest.mark.slow
def test_a_deleted_policy_is_restored_to_be_graded_and_then_goes_again(finished, tmp_path):
    shutil.rmtree(finished / f"{ARM}/round2/restored")
    (tmp_path / "each.yaml").write_text(yaml.safe_dump({"evaluation": {"every": 1}}))
    each = (*WORLD, tmp_path / "each.yaml")
    assert re.search(COMES_BACK, snakemake(finished, "-n", *each))
    assert would_run(finished, *each) == {"restore": 2, "evaluate": 3, "grade": 3, "report": 1}
    before = digests(finished)
    snakemake(finished, *each)
    assert not list(finished.glob(f"{ARM}/round*/restored"))
    assert digests(finished).items() >= before.items()
    assert there(finished, "policy") == [3, 4]
    again = snakemake(finished, "-n", *each)
    assert "Nothing to be done" in again
    assert "was deleted" not in again
    assert would_run(finished, *WORLD) == {"report": 1}
    (tmp_path / "tau.yaml").write_text(yaml.safe_dump({"objective": {"tau": 0.5}}))
    assert would_run(finished, *each, tmp_path / "tau.yaml") == {
        "rollout": 3, "verify": 3, "score": 3, "weigh": 4, "update": 4, "evaluate": 4, "grade": 4, "retire": 3,
        "report": 1,
    }  # fmt: skip


@pytest.mark.real
@pytest.mark.slow
def test_what_was_not_deleted_is_not_restored(finished):
    said = snakemake(finished, *WORLD, "-n", "--", f"{ARM}/round3/restored/policy/manifest.json", check=False)
    assert f"{ARM}/round3/policy/manifest.json: nothing was deleted here" in said


@pytest.mark.real
@pytest.mark.slow
def test_what_a_changed_policy_will_delete_is_printed_before_it_goes(finished, tmp_path):
    assert "retention: deletes" not in snakemake(finished, "-n", *WORLD)
    (tmp_path / "less.yaml").write_text("retention: {keep_policies_every: 0, keep_states_every: 0, keep_best: true}\n")
    said = snakemake(finished, "-n", *WORLD, tmp_path / "less.yaml")
    assert re.search(
        r"^retention: deletes from earlier rounds: 1 x policy and 1 x state, \S+ .B, except the "
        r"best policy$",
        said,
        re.M,
    )


@pytest.mark.real
@pytest.mark.slow
def test_the_disk_space_of_a_run_is_printed_before_it_starts(finished):
    said = snakemake(finished, "-n", *WORLD)
    assert re.search(r"^disk: about \S+ .B at the end \(2 policies .*\), \S+ .B at the peak; \S+ .B free$", said, re.M)
