"""Paths of results: one owner, and what it makes it can parse."""

import pytest

from scope.artifacts.layout import Layout, evaluation_file, samples_file
from scope.artifacts.place import Place, parse, round_of

DEMO = Layout("demo")
OWN = DEMO.round("a=1.5-b_c", 0, 12)
SHARED = DEMO.shared_round("student-n2-T1-0a1b", 0, 1)
A_ROUND = ("demo", "a=1.5-b_c", 0, 12, False)
ALL_ARMS = ("demo", "shared", None, None, False)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (DEMO.report, Place("demo", None, None, None, False, "report", None)),
        (DEMO.arm_report("scope"), Place("demo", "scope", None, None, False, "report", None)),
        (DEMO.figure("accuracy"), Place("demo", "figures", None, None, False, "accuracy", None)),
        (DEMO.shared.tokenizer, Place(*ALL_ARMS, "tokenizer", None)),
        (DEMO.shared.model("student"), Place(*ALL_ARMS, "model", None)),
        (DEMO.shared.prompts, Place(*ALL_ARMS, "prompts", None)),
        (DEMO.shared.problems("aime"), Place(*ALL_ARMS, "problems", None)),
        (DEMO.shared.check("check_teacher_0a1b2c3d4e"), Place(*ALL_ARMS, "check_teacher", None)),
        (samples_file(DEMO.shared.evaluations("base"), "aime", "T1", 0), Place(*ALL_ARMS, "evaluate", "base")),
        (evaluation_file(DEMO.shared.evaluations("base"), "aime", "T1", 0), Place(*ALL_ARMS, "grade", "base")),
        (DEMO.shared.found_in_training, Place(*ALL_ARMS, "check_rows", None)),
        (DEMO.shared.found_in("aime"), Place(*ALL_ARMS, "check_problems", None)),
        (SHARED.shard("rollout", 0), Place("demo", "shared/student-n2-T1-0a1b", 0, 1, False, "rollout", None)),
        (
            SHARED.shard("score-teacher-all-0a", 3),
            Place("demo", "shared/student-n2-T1-0a1b", 0, 1, False, "score", None),
        ),
        (OWN.shard("verify", 1), Place(*A_ROUND, "verify", None)),
        (OWN.batch, Place(*A_ROUND, "batch", None)),
        (OWN.policy, Place(*A_ROUND, "policy", None)),
        (OWN.state, Place(*A_ROUND, "state", None)),
        (OWN.metrics, Place(*A_ROUND, "metrics", None)),
        (OWN.retired, Place(*A_ROUND, "retired", None)),
        (samples_file(OWN.evaluations, "aime", "T1", 0), Place(*A_ROUND, "evaluate", None)),
        (evaluation_file(OWN.evaluations, "aime", "T1", 0), Place(*A_ROUND, "grade", None)),
        (OWN.restored.policy, Place("demo", "a=1.5-b_c", 0, 12, True, "policy", None)),
    ],
)
def test_what_is_made_is_parsed(path, place):
    assert parse(path) == place


def test_what_lies_outside_of_every_experiment_is_nothing():
    assert parse("rows.jsonl") is None
    assert parse("results/rows.jsonl") is None


def test_the_label_of_shared_rollouts_is_shared():
    assert parse(SHARED.shard("rollout", 0)).arm == "shared"
    assert parse(OWN.batch).arm == "a=1.5-b_c"
    assert parse(DEMO.report).arm is None


def test_a_round_is_found_from_its_files_below_any_folder(tmp_path):
    place = round_of(f"{tmp_path}/round3/restored/policy/manifest.json")
    assert place.folder == f"{tmp_path}/round3"
    assert place.other(12).policy == f"{tmp_path}/round12/policy/manifest.json"
    assert round_of("round3/batch.parquet").batch == "./round3/batch.parquet"


def test_times_and_logs_lie_beside_what_they_are_of():
    assert OWN.timing("rollout.0") == "results/demo/timings/a=1.5-b_c/seed0/round12/rollout.0.tsv"
    assert OWN.step_costs == "results/demo/timings/a=1.5-b_c/seed0/round12/update.steps.parquet"
    assert OWN.log("update") == "results/demo/a=1.5-b_c/seed0/round12/logs/update.log"
    assert DEMO.shared.timing("prompts") == "results/demo/timings/shared/prompts.tsv"


def test_wildcards_make_the_patterns_of_rules():
    assert DEMO.round("{arm}", "{seed}", "{round}").batch == "results/demo/{arm}/seed{seed}/round{round}/batch.parquet"
