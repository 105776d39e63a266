"""Honest changes are no tampering: leftovers of earlier settings, and the user's own files in another place."""

import os
import shutil
import time
from pathlib import Path

import pytest

from results_tree import (  # noqa: F401
    DEMO,
    FIRST,
    PROMPTS,
    STUDENT,
    built,
    draw,
    evaluate,
    of,
    page,
    prompts,
    results,
    update,
    verify,
)
from scope.artifacts.known_digests import kept_digest

REPORT = f"{DEMO}/report.html"
OTHER = "opd_tau=0.5"


def lines_of(verify, *arguments):
    status, lines = verify(*arguments)
    assert status == 0, lines
    return lines


def age(folder):
    """Make everything below a folder older than what is written from now on."""
    for path in Path(folder).rglob("*"):
        os.utime(path, (time.time() - 60,) * 2)


def remake(arm):
    """What a run does after a change of the first round's rollouts in a configuration with one arm only."""
    age(DEMO)
    sampled = draw(FIRST, STUDENT, "again", "score-teacher-all-9f", arm="shared", seed=0, round=1)
    update(arm, 1, sampled)
    for round_ in (2, 3):
        folder, place = f"{DEMO}/{arm}/seed0/round{round_}", {"arm": arm, "seed": 0, "round": round_}
        update(arm, round_, draw(folder, of(round_ - 1, "policy/manifest.json", arm), f"again {round_}", **place))
    last = of(3, "policy/manifest.json", arm)
    evaluate(of(3, "evaluate/coins/T1/0.parquet", arm), last, arm, 0, 3)
    page([of(3, name, arm) for name in ("metrics.parquet", "evaluate/coins/T1/0.parquet")])


def test_the_arm_that_a_new_configuration_dropped_is_a_leftover_with_its_command(verify):
    remake("scope")
    assert lines_of(verify)[0] == (
        f"{DEMO}/{OTHER}: 19 artifacts, used by no arm of {REPORT}; to remove: rm -r {DEMO}/{OTHER}"
    )
    shutil.rmtree(f"{DEMO}/{OTHER}")
    assert "used by no arm" not in "\n".join(lines_of(verify))


def test_rounds_beyond_the_last_one_are_leftovers(verify):
    age(DEMO)
    page([of(2, "metrics.parquet", arm) for arm in ("scope", OTHER)])
    found = lines_of(verify)
    assert [line.split(":")[0] for line in found[:-1]] == [f"{DEMO}/{arm}/seed0/round3" for arm in (OTHER, "scope")]


def test_only_folders_that_were_checked_whole_are_named(verify):
    remake("scope")
    assert lines_of(verify, str(of(2, "batch.parquet", OTHER)))[:-1] == []
    assert lines_of(verify, f"{DEMO}/{OTHER}/seed0/round2")[0].startswith(f"{DEMO}/{OTHER}/seed0/round2: 7 artifacts")


def test_what_is_newer_than_the_report_belongs_to_a_run_that_is_unfinished(verify):
    remake("scope")
    os.utime(REPORT, (time.time() - 30,) * 2)
    update(OTHER, 4, draw(f"{DEMO}/{OTHER}/seed0/round4", of(3, "policy/manifest.json", OTHER), "new",
                          arm=OTHER, seed=0, round=4))  # fmt: skip
    assert f"{DEMO}/{OTHER}: " not in "\n".join(verify()[1])


def test_damage_in_a_leftover_is_damage(verify):
    remake("scope")
    weights = of(2, "policy/model.safetensors", OTHER)
    weights.write_text("others")
    status, lines = verify()
    assert status == 1
    assert f"{weights}: changed since it was recorded by {weights.with_name('manifest.json')}" in "\n".join(lines)


def test_a_file_made_again_out_of_turn_is_a_problem_of_the_arms_that_use_it(verify):
    age(DEMO)
    draw(FIRST, STUDENT, "again", "score-teacher-all-9f", arm="shared", seed=0, round=1)
    page([of(3, name, "scope") for name in ("metrics.parquet", "evaluate/coins/T1/0.parquet")])
    status, lines = verify()
    assert status == 1
    makers = f"{of(1, 'batch.parquet', OTHER)}, {of(1, 'batch.parquet')}"
    assert f"{FIRST}/rollout/0.parquet: changed since it was recorded by {makers}; " in "\n".join(lines)


def test_a_file_of_the_user_that_was_moved_is_found_by_its_content(verify):
    rows = Path("rows.jsonl").rename("moved.jsonl")
    assert kept_digest(rows)
    assert lines_of(verify)[-1].endswith("all as recorded")
    assert not any("rows.jsonl" in line for line in lines_of(verify))


@pytest.mark.parametrize("other", [None, "others"])
def test_a_missing_file_of_the_user_is_a_note_and_a_changed_one_is_a_problem(verify, other):
    rows = Path("rows.jsonl")
    rows.write_text(other) if other else rows.unlink()
    status, lines = verify()
    assert status == (1 if other else 0)
    text = f"changed since it was recorded by {STUDENT}" if other else "not found, so not compared; 2 artifacts made"
    assert f"rows.jsonl: {text}" in "\n".join(lines)


def test_an_edited_file_at_the_new_place_is_not_the_moved_one(verify):
    rows = Path("rows.jsonl").rename("moved.jsonl")
    kept_digest(rows)
    rows.write_text("edited")
    assert any(line.startswith("rows.jsonl: not found") for line in lines_of(verify))


def test_a_change_that_is_not_carried_through_is_a_problem(verify):
    age(DEMO)
    Path("rows.jsonl").write_text('{"other": 1}\n')
    prompts(PROMPTS, [STUDENT])
    status, lines = verify()
    assert status == 1
    assert PROMPTS in "\n".join(lines)
