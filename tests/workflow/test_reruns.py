"""Only what changed runs again: real dry runs over a finished experiment of two arms and two rounds.

Nothing runs falsely, and nothing stale stays: after each change the exact jobs of every stage are asserted.
"""

import contextlib
import json
import os
import shutil
import subprocess

import pytest
import yaml

from flows import checkout, snakemake, would_run
from scope.artifacts import parquet
from scope.artifacts.schemas.prompts import PROMPTS
from scope.artifacts.stages import CHAIN

pytestmark = pytest.mark.real
WORLD = ("--configfile", "tests/configs/smallest.yaml", "tests/configs/two_arms.yaml")
RESULTS = "results/two_arms"
# Jobs of the stages from a point of the chain to the end; the first round's rollouts are shared by the arms.
ROLLOUTS = {"rollout_shared": 1, "verify_shared": 1, "rollout": 2, "verify": 2}
SCORES = {"score_shared": 2, "score": 2}
WEIGHS = {"weigh": 4, "update": 4}
GRADES = {"evaluate": 4, "grade": 4, "report": 1}
EVERY_GRADE = GRADES | {"evaluate_shared": 2, "grade_shared": 2}
ROUND2_ROLLOUTS = {"rollout": 2, "verify": 2, "score": 2}
# What follows an update that runs again; round 1's weights stay.
UPDATES = ROUND2_ROLLOUTS | {"update": 4, "weigh": 2} | GRADES
BOTH = ROLLOUTS | SCORES | WEIGHS | GRADES
# Of one arm whose weights change: its round 1 draws stay, its round 2 is another one.
ONE_ARM = {"rollout": 1, "verify": 1, "score": 1} | {"weigh": 2, "update": 2, "evaluate": 2, "grade": 2, "report": 1}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = checkout(tmp_path_factory.mktemp("two_arms"))
    snakemake(folder, *WORLD)
    return folder


@pytest.fixture
def changed(tmp_path):
    """A dry run of the finished experiment with a configuration laid over it."""

    def run(folder, change):
        (tmp_path / "change.yaml").write_text(yaml.safe_dump(change))
        return would_run(folder, *WORLD, tmp_path / "change.yaml")

    return run


@contextlib.contextmanager
def edited(path, before, after, *, old=False):
    """A file with a piece of text replaced, put back at the end; `old` gives it the time of long ago."""
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    if old:
        os.utime(path, (1, 1))
    try:
        yield
    finally:
        path.write_text(text)


def test_round_1_is_sampled_and_verified_once_for_both_arms(finished):
    shared = finished / RESULTS / "shared"
    assert len(list(shared.glob("student-*/seed0/round1/rollout/0.parquet"))) == 1
    assert len(list(shared.glob("student-*/seed0/round1/score-*/0.parquet"))) == 2
    for arm in ("scope", "opd"):
        assert not (finished / RESULTS / arm / "seed0/round1/rollout").exists()
        inputs = parquet.metadata(finished / RESULTS / arm / "seed0/round1/batch.parquet")["inputs"]
        assert sum("/shared/student-" in path for path in inputs) == 3


def test_a_finished_experiment_does_nothing(finished):
    assert would_run(finished, *WORLD) == {}


def test_a_touch_of_every_file_reruns_nothing(finished):
    for path in finished.rglob("*"):
        if path.is_file() and ".snakemake" not in path.parts:
            path.touch()
    assert would_run(finished, *WORLD) == {}


def test_the_same_commit_checked_out_elsewhere_reruns_nothing(finished, tmp_path):
    elsewhere = checkout(tmp_path / "elsewhere")
    git = ("git", "-c", "user.name=t", "-c", "user.email=t@localhost")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"], ["checkout", "-q", "--", "."]):
        subprocess.run([*git, *command], cwd=elsewhere, check=True)
    for name in ("results", ".snakemake"):
        shutil.copytree(finished / name, elsewhere / name, symlinks=True)
    assert would_run(elsewhere, *WORLD) == {}


def test_comments_and_docstrings_rerun_nothing(finished):
    library = finished / "scripts/scope"
    with (
        edited(library / "method/weights.py", '"""', '"""Said otherwise. '),
        edited(library / "rollout/shard.py", "\n\n\ndef ", "\n\n\n# A remark.\ndef "),
        edited(finished / "scripts/update.py", "    settings = ", "    # Another remark.\n    settings = "),
    ):
        assert would_run(finished, *WORLD) == {}


@pytest.mark.parametrize(
    "old", [pytest.param(False, marks=pytest.mark.slow), True], ids=["now", "with an old file time"]
)
def test_an_edit_reruns_the_stages_that_import_it(finished, old):
    with edited(finished / "scripts/scope/method/weights.py", "if not tau > 0", "if not tau > 0.0", old=old):
        assert would_run(finished, *WORLD) == ROUND2_ROLLOUTS | WEIGHS | GRADES
    with edited(finished / "scripts/scope/evaluate/sample.py", "derive_seed(", "derive_seed(*(), ", old=old):
        assert would_run(finished, *WORLD) == EVERY_GRADE
    with edited(finished / "scripts/scope/report/words.py", "\n\n\ndef ", "\n\nNEW = 1\n\n\ndef ", old=old):
        assert would_run(finished, *WORLD) == {"report": 1}
    with edited(finished / "scripts/scope/score/rows.py", "\n\n\ndef ", "\n\nNEW = 1\n\n\ndef ", old=old):
        assert would_run(finished, *WORLD) == ROUND2_ROLLOUTS | SCORES | WEIGHS | GRADES
    assert would_run(finished, *WORLD) == {}


def test_texts_that_only_people_read_rerun_nothing(finished):
    library = finished / "scripts/scope"
    with (
        edited(library / "artifacts/parquet.py", ": not found; run the stage that", ": no file; start the stage that"),
        edited(library / "cli.py", "settings and code fingerprint of the stage", "what decides the stage's result"),
        edited(library / "artifacts/partial.py", 'print(f"resume: {line}"', 'print(f"again: {line}"'),
    ):
        assert would_run(finished, *WORLD) == {}


def test_a_metrics_column_reruns_the_update_and_what_follows(finished):
    with edited(
        finished / "scripts/scope/artifacts/schemas/metrics.py", '    "loss",\n', '    "loss",\n    "another",\n'
    ):
        assert would_run(finished, *WORLD) == UPDATES


def test_an_edit_of_the_losses_reruns_the_update_unless_it_is_accepted(finished, tmp_path):
    copy = checkout(tmp_path / "copy")
    for name in ("results", ".snakemake"):
        shutil.copytree(finished / name, copy / name, symlinks=True)
    losses, reason = copy / "scripts/scope/method/losses.py", "the same value by another name"
    arguments = ("update", "--reason", reason)
    unchanged = snakemake(copy, *arguments, script="scripts/accept.py", check=False)
    assert "nothing to accept" in unchanged
    with edited(losses, "    return -logp_R\n", "    loss_R = -logp_R\n    return loss_R\n"):
        assert would_run(copy, *WORLD) == UPDATES
        said = snakemake(copy, *arguments, script="scripts/accept.py")
        assert "was accepted as equal to" in said
        assert would_run(copy, *WORLD) == {}
        for script, asked in (("scripts/why.py", WORLD), ("scripts/verify_results.py", (RESULTS,))):
            said = snakemake(copy, *asked, script=script)
            assert f"scope/method/losses.py changed): {reason}" in said
        with edited(losses, "    return loss_R\n", "    return 1 * loss_R\n"):
            assert would_run(copy, *WORLD) == UPDATES
        policy = f"{RESULTS}/scope/seed0/round2/policy/manifest.json"
        (copy / policy).unlink()
        snakemake(copy, policy, *WORLD)
        made = json.loads((copy / policy).read_text())
        before = json.loads((finished / policy).read_text())
        assert made["recipe"] == before["recipe"]
        assert made["files"] == before["files"]
        assert made["accepted"]["records"][0]["reason"] == reason
        module = "scope/method/losses.py"
        assert made["modules"][module] != before["modules"][module]
        # The manifest records the code that made it, so its content is another one for what reads it.
        assert would_run(copy, *WORLD) == {"evaluate": 1, "grade": 1, "report": 1}


def test_a_module_that_no_stage_imports_reruns_nothing(finished):
    with edited(finished / "scripts/scope/planning/disk.py", "WAITING = ", "WAITING_TOO = 3\nWAITING = "):
        assert would_run(finished, *WORLD) == {}


def test_a_run_after_an_edit_names_the_module(finished, tmp_path):
    copy = checkout(tmp_path / "copy")
    for name in ("results", ".snakemake"):
        shutil.copytree(finished / name, copy / name, symlinks=True)
    with edited(copy / "scripts/scope/report/words.py", "\n\n\ndef ", "\n\nNEW = 1\n\n\ndef "):
        said = snakemake(copy, *WORLD)
    assert "report runs again, code: scope/report/words.py changed" in said
    assert would_run(copy, *WORLD) == {"report": 1}


def test_swapped_values_of_two_flags_rerun(finished, changed):
    base = {"evaluation": {"n": 4, "max_tokens": 24}}
    swapped = {"evaluation": {"n": 24, "max_tokens": 4}}
    assert changed(finished, base) == {}
    assert changed(finished, swapped) == EVERY_GRADE


@pytest.mark.parametrize(
    ("change", "jobs"),
    [
        ({"evaluation": {"n": 8}}, EVERY_GRADE),
        pytest.param({"evaluation": {"every": 0}}, {"report": 1}, marks=pytest.mark.slow),
        pytest.param({"evaluation": {"sampling": {"T2": {}}}}, EVERY_GRADE, marks=pytest.mark.slow),
        ({"objective": {"tau": 0.5}}, ONE_ARM),
        ({"update": {"learning_rate": 2e-3}}, ROUND2_ROLLOUTS | {"update": 4, "weigh": 2} | GRADES),
        ({"update": {"micro_batch_tokens": 128, "checkpoint_activations": True, "ranks": 2}}, {}),
        pytest.param({"rollout": {"temperature": 0.9}}, BOTH, marks=pytest.mark.slow),
        pytest.param({"report": {"title": "Another title"}}, {"report": 1}, marks=pytest.mark.slow),
        ({"tracking": {"wandb": "offline"}}, {}),
        pytest.param({"objective": {"pg_clip": 0.3}}, {}, marks=pytest.mark.slow),
        ({"arms": ["scope", "opd", "scope_tau1"]}, ONE_ARM),
        pytest.param({"arms": ["scope"]}, {"report": 1}, marks=pytest.mark.slow),
        pytest.param(
            {"teacher": {"pack_tokens": 128}},
            {"check_teacher": 1} | ROUND2_ROLLOUTS | SCORES | WEIGHS | GRADES,
            marks=pytest.mark.slow,
        ),
        (
            {"variants": {"opd": {"teacher": {"pack_tokens": 128}}}},
            {"check_teacher": 1} | ONE_ARM | {"score_shared": 1},
        ),
        pytest.param({"seeds": [0, 1]}, ROLLOUTS | SCORES | WEIGHS | GRADES, marks=pytest.mark.slow),
        ({"rounds": 4}, dict.fromkeys(CHAIN, 4) | GRADES),
        pytest.param({"rounds": 1}, {"report": 1}, marks=pytest.mark.slow),
        ({"retention": {"keep_policies_every": 0, "keep_rollouts": "last"}}, {"retire": 2}),
    ],
    ids=str,
)
def test_a_changed_setting_reruns_exactly_what_it_decides(finished, changed, change, jobs):
    assert changed(finished, change) == jobs


def test_keys_in_another_order_rerun_nothing(finished, tmp_path):
    def backwards(tree):
        return {key: backwards(tree[key]) for key in reversed(tree)} if isinstance(tree, dict) else tree

    for name in ("smallest", "two_arms"):
        whole = yaml.safe_load((finished / f"tests/configs/{name}.yaml").read_text())
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(backwards(whole), sort_keys=False))
    assert would_run(finished, "--configfile", tmp_path / "smallest.yaml", tmp_path / "two_arms.yaml") == {}


@pytest.mark.parametrize(
    "name",
    [
        "scope/seed0/round1/batch.parquet",
        "scope/seed0/round2/score/0.parquet",
        "opd/seed0/round1/state",
        "shared/models",
    ],
)
def test_a_removed_intermediate_reruns_nothing(finished, name, tmp_path):
    path, kept = finished / RESULTS / name, tmp_path / "kept"
    shutil.move(path, kept)
    assert would_run(finished, *WORLD) == {}
    shutil.move(kept, path)


def test_a_grid_around_a_finished_arm_adds_cells_and_redoes_none(finished, changed):
    axes = {"tau": {"key": "objective.tau", "values": [0.5, 1]}}
    assert changed(finished, {"grid": {"axes": axes}}) == ONE_ARM
    axes["lr"] = {"key": "update.learning_rate", "values": [1e-3, 1e-2]}
    three_cells = {stage: 3 * jobs for stage, jobs in ONE_ARM.items()} | {"report": 1}
    assert changed(finished, {"grid": {"axes": axes}}) == three_cells


def test_targets_of_one_arm_one_report_and_one_figure(finished):
    arm = f"{RESULTS}/scope-tau=0.5/seed0/round1/policy/manifest.json"
    assert would_run(finished, f"{RESULTS}/kd/seed0/round1/batch.parquet", *WORLD) == {
        "rollout_shared": 1,
        "verify_shared": 1,
        "weigh": 1,
    }
    assert would_run(finished, f"{RESULTS}/scope/report.html", *WORLD) == {"arm_report": 1}
    assert would_run(finished, f"{RESULTS}/figures/accuracy.svg", *WORLD) == {"figure": 1}
    refused = snakemake(finished, "-n", arm, *WORLD, check=False)
    assert "no variant named 'scope-tau=0.5'" in refused


def test_why_names_settings_modules_and_inputs(finished, tmp_path):
    def why(*arguments):
        return snakemake(finished, *WORLD, *arguments, script="scripts/why.py")

    assert "nothing would run" in why()
    (tmp_path / "tau.yaml").write_text("objective: {tau: 0.5}\n")
    said = why(tmp_path / "tau.yaml")
    assert (
        "weigh: 1 job, results/two_arms/scope/seed0/round1/batch.parquet\n    setting objective.tau: 1.0 -> 0.5\n"
        in said
    )
    assert "update: 1 job, results/two_arms/scope/seed0/round1/policy/manifest.json\n    follows batch\n" in said
    target = f"{RESULTS}/kd/seed0/round1/batch.parquet"
    assert f"weigh: 1 job, {target}\n    batch not found\n" in snakemake(
        finished, target, *WORLD, script="scripts/why.py"
    )
    with edited(finished / "scripts/scope/evaluate/sample.py", "derive_seed(", "derive_seed(*(), "):
        assert "    code: scope/evaluate/sample.py changed\n" in why()
    problems = finished / RESULTS / "shared/problems/coins.parquet"
    whole = problems.read_bytes()
    rows = parquet.read(problems, PROMPTS)
    recipe = json.dumps(parquet.metadata(problems)["recipe"])
    parquet.write(problems, PROMPTS, rows.head(4), recipe=recipe)
    assert f"input {RESULTS}/shared/problems/coins.parquet: its content changed" in why()
    problems.write_bytes(whole)
    assert "nothing would run" in why()
