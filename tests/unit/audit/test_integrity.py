"""The digest chain of a results tree: a clean one passes, and every kind of fault is told by name."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import verify_results
from conftest import ROOT
from refusals import refused
from results_tree import (  # noqa: F401
    ARMS,
    DEMO,
    FIRST,
    PROBLEMS,
    PROMPTS,
    RECIPE,
    STUDENT,
    TEACHER,
    built,
    draw,
    evaluate,
    of,
    prompts,
    results,
    sealed,
    verify,
    write,
)
from scope import cli
from scope.artifacts.digests import file_digest
from scope.artifacts.folder import write_manifest_elsewhere
from scope.audit.integrity import find_artifacts


def faulty(verify, *arguments):
    """The problems of a tree that has some, as one text."""
    status, lines = verify(*arguments)
    assert status == 1
    assert re.search(r", \d+ links?, .*: \d+ problems?$", lines[-1])
    assert lines[:-1] == sorted(lines[:-1])
    return "\n".join(lines[:-1])


def swap(one, other):
    one.rename("aside")
    other.rename(one)
    Path("aside").rename(other)


def test_a_clean_tree_passes(verify):
    status, lines = verify()
    assert status == 0
    assert lines == ["results/demo: 48 artifacts, 143 links, 0 retired files: all as recorded"]


def test_a_part_of_the_tree_is_verified_alone(verify):
    of(2, "batch.parquet", "opd_tau=0.5").write_bytes(b"")
    assert verify(f"{DEMO}/scope", f"{DEMO}/shared/")[0] == 0
    assert verify(str(of(2, "metrics.parquet")))[1] == [
        f"{of(2, 'metrics.parquet')}: 1 artifact, 3 links, 0 retired files: all as recorded"
    ]


def test_inputs_are_looked_up_outside_of_the_part(verify):
    Path(PROMPTS).unlink()
    assert f"{PROMPTS}: missing or unreadable" in faulty(verify, f"{DEMO}/scope")


def test_valid_but_other_rows_are_named_with_what_was_made_from_them(verify):
    path = of(2, "rollout/0.parquet")
    table = pq.read_table(path)
    pq.write_table(table.slice(1), path, write_page_checksum=True)
    found = faulty(verify)
    assert f"{path}: changed since it was recorded by {of(2, 'batch.parquet')}, " in found
    assert f"; if it was edited, restore it, or remove it and make it again by name (snakemake {path}); " in found
    assert "if it was made again, run again, and what was made from it follows" in found
    assert str(of(3, "rollout/0.parquet")) not in found


def test_one_tampered_file_is_one_line_however_many_artifacts_came_from_it(verify):
    prompts(PROMPTS, [STUDENT])
    (line,) = faulty(verify).splitlines()
    assert line.startswith(f"{PROMPTS}: changed since it was recorded by ")
    assert " more; if it was edited, restore it" in line


def test_a_flipped_bit_is_found_by_the_checksum(verify):
    path = of(3, "evaluate/coins/T1/0.parquet")
    whole = bytearray(path.read_bytes())
    whole[40] ^= 1
    path.write_bytes(whole)
    assert f"{path}: not a readable Parquet file (" in faulty(verify)


@pytest.mark.real
def test_no_flipped_bit_goes_unseen_and_none_ends_in_a_traceback(verify):
    path = of(3, "evaluate/coins/T1/0.parquet")
    whole = path.read_bytes()
    for position in range(0, len(whole), 97):
        damaged = bytearray(whole)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        assert str(path) in faulty(verify, DEMO + "/report.html")
        verify(str(path))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no Parquet at all"])
def test_a_truncated_file_is_named(verify, content):
    of(2, "batch.parquet").write_bytes(content)
    assert f"{of(2, 'batch.parquet')}: not a readable Parquet file" in faulty(verify)


def test_swapped_shards_of_two_rounds_are_named(verify):
    swap(of(2, "rollout/0.parquet"), of(3, "rollout/0.parquet"))
    found = faulty(verify)
    assert f"{of(2, 'rollout/0.parquet')}: mixed-up: recorded as round 3, found in round 2; put the right" in found
    assert f"{of(3, 'rollout/0.parquet')}: mixed-up: recorded as round 2, found in round 3" in found
    assert f"{of(2, 'rollout/0.parquet')}: changed since" in found


def test_swapped_policies_of_two_arms_are_named(verify):
    swap(of(2, "policy"), of(2, "policy", "opd_tau=0.5"))
    found = faulty(verify)
    for arm, other in (ARMS, ARMS[::-1]):
        policy = of(2, "policy/manifest.json", arm)
        assert f"{policy}: mixed-up: made from {of(2, 'batch.parquet', other)}, of another arm" in found
        assert f"{policy}: changed since it was recorded by {of(3, 'metrics.parquet', arm)}" in found


def test_swapped_evaluations_of_base_and_teacher_are_named(verify):
    base, teacher = (Path(DEMO, "shared/evaluate", name, "coins/T1/0.parquet") for name in ("base", "teacher"))
    swap(base, teacher)
    assert f"{base}: mixed-up: recorded as policy 'teacher', found in policy 'base'" in faulty(verify)


@pytest.mark.parametrize("name", ["policy/model.safetensors", "state/optimizer.pt"])
def test_an_edited_file_of_a_folder_is_named(verify, name):
    of(2, name).write_text("weights of nobody")
    manifest = of(2, name).with_name("manifest.json")
    assert f"{of(2, name)}: changed since it was recorded by {manifest};" in faulty(verify)


def test_a_manifest_made_to_fit_edited_weights_is_named(verify):
    manifest = of(2, "policy/manifest.json")
    of(2, "policy/model.safetensors").write_text("weights of nobody")
    content = json.loads(manifest.read_text())
    content["files"]["model.safetensors"] = file_digest(manifest.with_name("model.safetensors"))
    manifest.write_text(json.dumps(content))
    assert f"{manifest}: changed since it was recorded by {of(3, 'metrics.parquet')}" in faulty(verify)


@pytest.mark.parametrize("name", ["policy/extra.safetensors", "state/deep/x.pt", "policy/pytorch_model.bin"])
def test_weights_that_no_manifest_lists_are_named(verify, name):
    of(2, name).parent.mkdir(exist_ok=True)
    of(2, name).write_text("more")
    assert f"{of(2, name)}: is not listed in {of(2, name.split('/')[0])}/manifest.json" in faulty(verify)


def test_a_log_beside_weights_is_no_problem(verify):
    of(2, "policy/notes.txt").write_text("fine")
    assert verify()[0] == 0


@pytest.mark.parametrize("text", ["{", "[]", '{"files": {}}', '{"folder": "..", "files": {}}'])
def test_a_damaged_manifest_is_named(verify, text):
    of(3, "state/manifest.json").write_text(text)
    assert f"{of(3, 'state/manifest.json')}: " in faulty(verify)


def test_a_deleted_input_is_named(verify):
    of(2, "batch.parquet").unlink()
    found = faulty(verify)
    assert f"{of(2, 'batch.parquet')}: missing or unreadable, but recorded by {of(2, 'metrics.parquet')}" in found


def test_a_deleted_model_file_is_named(verify):
    Path(STUDENT).with_name("model.safetensors").unlink()
    assert f"model.safetensors: missing or unreadable, but recorded by {STUDENT}" in faulty(verify)


def retire(round_, *paths):
    for path in paths:
        path.unlink()
    of(round_, "retired.json").write_text(json.dumps({"dropped": [str(path) for path in paths]}))


def test_retired_files_are_fine_and_counted(verify):
    retire(1, of(1, "policy/model.safetensors"), of(1, "state/optimizer.pt"))
    retire(2, of(2, "rollout/0.parquet"), of(2, "verify/0.parquet"), of(2, "score/0.parquet"))
    status, lines = verify()
    assert status == 0
    assert ", 5 retired files: all as recorded" in lines[-1]


def test_a_retired_file_that_came_back_changed_is_named(verify):
    retire(1, of(1, "policy/model.safetensors"))
    of(1, "policy/model.safetensors").write_text("weights of nobody")
    assert "model.safetensors: changed since" in faulty(verify)


def test_a_retired_list_of_another_experiment_excuses_nothing(verify):
    retire(1, of(1, "policy/model.safetensors"))
    Path("results/other").mkdir()
    of(1, "retired.json").rename("results/other/retired.json")
    assert "model.safetensors: missing" in faulty(verify)


def test_a_damaged_list_of_retired_files_is_named(verify):
    retire(1, of(1, "policy/model.safetensors"))
    of(1, "retired.json").write_text('{"dropped": 3}')
    found = faulty(verify)
    assert f"{of(1, 'retired.json')}: lists no dropped files" in found
    assert "model.safetensors: missing" in found


def test_a_restored_copy_is_verified_by_its_own_digests(verify):
    retire(2, of(2, "policy/model.safetensors"))
    inputs = [of(2, "batch.parquet"), of(1, "policy/manifest.json")]
    sealed(of(2, "restored/policy/manifest.json"), "model.safetensors", "computed again", inputs)
    assert verify()[0] == 0
    of(2, "restored/policy/model.safetensors").write_text("edited")
    assert "restored/policy/model.safetensors: changed since" in faulty(verify)


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ({"arm": "grpo"}, "recorded as arm 'grpo', found in arm 'scope'"),
        ({"seed": 1}, "recorded as seed 1, found in seed 0"),
        ({"round": 2}, "recorded as round 2, found in round 3"),
    ],
)
def test_a_wrong_label_is_named(verify, label, said):
    inputs = [of(3, "batch.parquet"), of(2, "policy/manifest.json")]
    place = {"arm": "scope", "seed": 0, "round": 3, **label}
    write(of(3, "metrics.parquet"), "metrics", [], inputs, **place)
    assert f"{of(3, 'metrics.parquet')}: mixed-up: {said}" in faulty(verify)


def test_shared_rollouts_say_that_they_are_shared(verify):
    draw(FIRST, STUDENT, "first", "score-teacher-all-9f", arm="scope", seed=0, round=1)
    assert f"{FIRST}/rollout/0.parquet: mixed-up: recorded as arm 'scope', found in arm 'shared'" in faulty(verify)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (of(1, "batch.parquet"), "another round"),
        (of(3, "batch.parquet", "opd_tau=0.5"), "another arm"),
        (Path(DEMO, "scope/seed1/round3/batch.parquet"), "another seed"),
        (Path("results/other/shared/prompts.parquet"), "another experiment"),
    ],
)
def test_inputs_from_another_place_are_named(verify, given, said):
    if not given.exists():
        write(given, "batch", [], [])
    write(of(3, "metrics.parquet"), "metrics", [], [given], arm="scope", seed=0, round=3)
    assert f"{of(3, 'metrics.parquet')}: mixed-up: made from {given}, of {said}" in faulty(verify, DEMO)


def test_shared_work_made_from_an_arm_is_named(verify):
    evaluate(f"{DEMO}/shared/evaluate/base/coins/T1/0.parquet", of(3, "policy/manifest.json"), "base")
    assert "evaluate/base/coins/T1/0.parquet: mixed-up: made from" in faulty(verify)


def test_an_input_from_outside_of_results_is_followed_and_compared(verify):
    manifest = f"{DEMO}/shared/tokenizer/manifest.json"
    sealed(manifest, "tokenizer.json", "{}", [os.path.abspath("rows.jsonl")])
    assert verify()[0] == 0
    Path("rows.jsonl").write_text("changed")
    found = faulty(verify)
    assert f"rows.jsonl: changed since it was recorded by {STUDENT}, {TEACHER}, {manifest}" in found


def test_a_model_folder_kept_elsewhere_is_verified(verify, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "model.safetensors").write_text("weights")
    digests = {"model.safetensors": file_digest(elsewhere / "model.safetensors")}
    folder = f"{DEMO}/shared/models/reference"
    write_manifest_elsewhere(f"{folder}/manifest.json", elsewhere, digests, recipe=RECIPE)
    assert verify()[0] == 0
    (elsewhere / "model.safetensors").write_text("others")
    assert f"{folder}/source/model.safetensors: changed since" in faulty(verify)


def test_a_hostile_path_is_reported_and_not_followed(verify):
    manifest = of(3, "policy/manifest.json")
    content = json.loads(manifest.read_text())
    content["inputs"] = {"results/../../secret": "0" * 64}
    content["files"]["../../../../../../secret"] = "0" * 64
    manifest.write_text(json.dumps(content))
    Path("../secret").write_text("secret")
    found = faulty(verify)
    assert f"{manifest}: made from ../secret, out of the project by `..`" in found
    assert f"{manifest}: lists ../../../../../../secret, outside of its folder" in found
    assert "secret: changed" not in found


@pytest.mark.parametrize("part", ["recipe", "modules", "inputs"])
@pytest.mark.parametrize("value", [None, 3, {"a\nb": "c"}])
def test_incomplete_provenance_is_named(verify, part, value):
    manifest = of(3, "state/manifest.json")
    content = json.loads(manifest.read_text()) | {part: value}
    manifest.write_text(json.dumps(content))
    assert f"{manifest}: incomplete provenance, without {part}" in faulty(verify)


def test_a_parquet_file_without_provenance_is_named(verify):
    path = of(3, "metrics.parquet")
    pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    found = faulty(verify)
    lacking = "recipe.code, recipe.script, recipe.settings, modules, inputs"
    again = f"remove it and make it again by name (snakemake {path})"
    assert f"{path}: incomplete provenance, without {lacking}; {again}" in found
    assert f"it was edited or damaged: restore it, or {again}" in found


def test_an_edited_file_of_a_folder_comes_with_the_manifest_to_make_again(verify):
    manifest = of(2, "policy/manifest.json")
    name = next(iter(json.loads(manifest.read_text())["files"]))
    for change, what in ((lambda file: file.write_text("edited"), "it was edited or damaged: "), (Path.unlink, "")):
        change(manifest.parent / name)
        told = f"by {manifest}; {what}restore it, or remove {manifest} and make it again by name"
        assert told in faulty(verify)


def test_a_copy_of_an_experiment_is_one_line(verify):
    shutil.copytree(DEMO, "results/copy")
    (line,) = faulty(verify, "results/copy").splitlines()
    assert re.match(
        r"results/copy: \d\d artifacts were made from files in results/demo, so this folder is a copy", line
    )


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("results/dem", ["results/dem: not found; results/ has results/demo"]),
        ("scripts", ["scripts: is not below results/ of ", "make verify-results RESULTS=results/demo"]),
        ("/elsewhere/results", ["/elsewhere/results: is not below"]),
    ],
)
@pytest.mark.usefixtures("verify")
def test_another_folder_is_refused_with_what_to_name(path, names):
    with refused("no-such-folder", *names):
        find_artifacts(path)


def test_the_report_records_evaluations_that_nothing_else_was_made_from(verify):
    path = of(3, "evaluate/coins/T1/0.parquet")
    evaluate(path, of(3, "policy/manifest.json"), "scope", 0, 3)
    assert verify()[0] == 0
    rows = pq.read_table(path).to_pylist()
    inputs = [PROBLEMS, of(3, "policy/manifest.json")]
    write(path, "evaluation", [rows[0] | {"correct": False}], inputs, policy="scope", seed=0, round=3)
    assert f"{path}: changed since it was recorded by {DEMO}/report.html" in faulty(verify)


def test_an_older_report_records_nothing_and_is_listed_as_such(verify):
    Path(DEMO, "report.html").write_text("<html></html>")
    status, lines = verify()
    assert status == 0
    assert f"{DEMO}/report.html: records no inputs" in lines[0]


@pytest.mark.parametrize("block", ["{", "[]", '{"inputs": [1]}', '{"recipe": {}}'])
def test_a_report_with_a_damaged_block_is_named(verify, block):
    text = f'<script type="application/json" id="provenance">{block}</script>'
    Path(DEMO, "report.html").write_text(text)
    assert f"{DEMO}/report.html: " in faulty(verify)


@pytest.mark.parametrize("path", ["results/none", "rows.jsonl", "/", "results/demo/empty", "results/../.."])
def test_a_path_without_artifacts_is_bad_input(verify, path):
    Path(DEMO, "empty").mkdir()
    status, lines = verify(path)
    assert status == 2
    assert lines[0].startswith(f"error: {path}: ")


def test_results_without_any_experiment_is_bad_input(verify):
    shutil.rmtree(DEMO)
    status, lines = verify()
    assert status == 2
    assert "results: contains no artifact" in lines[0]


def lineage(capsys, monkeypatch, path):
    monkeypatch.setattr(sys, "argv", ["verify_results.py", "--lineage", str(path)])
    cli.run(verify_results.main)
    return capsys.readouterr().out.splitlines()


def test_lineage_prints_the_tree_of_one_artifact(results, capsys, monkeypatch):
    path = of(3, "evaluate/coins/T1/0.parquet")
    lines = lineage(capsys, monkeypatch, path)
    code = json.loads(RECIPE)["code"][:12]
    assert re.fullmatch(rf"{path}  {file_digest(path)[:12]}  weigh.py  code {code}  recipe [0-9a-f]{{12}}", lines[0])
    assert lines[1].startswith(f"  {of(3, 'policy/manifest.json')}  ")
    assert any(line.strip() == f"{Path('rows.jsonl')}  {file_digest('rows.jsonl')[:12]}" for line in lines)
    assert lines[-2:] == ['objective: {"method": "scope"}', "update.steps_per_round: 2"]


def test_lineage_prints_each_file_once_in_full(results, capsys, monkeypatch):
    lines = lineage(capsys, monkeypatch, of(3, "metrics.parquet"))
    named = [line.split()[0] for line in lines if "(above)" not in line]
    assert len(named) == len(set(named))
    assert sum(PROMPTS in line and "(above)" in line for line in lines) > 3


def test_lineage_shows_what_is_gone_changed_or_unreadable(results, capsys, monkeypatch):
    of(2, "rollout/0.parquet").unlink()
    of(2, "verify/0.parquet").write_bytes(b"PAR1")
    text = "\n".join(lineage(capsys, monkeypatch, of(2, "batch.parquet")))
    assert re.search(r"rollout/0.parquet  [0-9a-f]{12}  \(not found\)", text)
    assert re.search(r"verify/0.parquet  [0-9a-f]{12}  \(was [0-9a-f]{12} when used\)  \(not readable\)", text)


@pytest.mark.parametrize("path", ["rows.jsonl", "results/demo", "results/demo/none.parquet"])
def test_lineage_of_no_artifact_is_bad_input(verify, path):
    status, lines = verify("--lineage", path)
    assert status == 2
    assert f"error: {path}: not an artifact" in lines[0]


def test_the_script_verifies_without_loading_torch_or_polars(results):
    end = "print('loaded:', {'torch', 'polars'} & set(sys.modules))"
    code = f"import atexit, sys; atexit.register(lambda: {end}); import verify_results as v; v.cli.run(v.main)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "loaded: set()"


def test_the_script_ends_with_status_1_at_a_problem(results):
    Path(PROMPTS).unlink()
    done = subprocess.run([sys.executable, ROOT / "scripts/verify_results.py"], text=True, capture_output=True)
    assert (done.returncode, done.stderr) == (1, "")


def test_an_artifact_whose_recipe_names_another_code_than_its_modules_is_found(results, verify):
    provenance = json.loads(Path(TEACHER).read_text())
    provenance["recipe"]["code"] = "0" * 64
    Path(TEACHER).write_text(json.dumps(provenance))
    status, lines = verify()
    assert status == 1
    assert any(line.startswith(f"{TEACHER}: its recipe names another code than that of its modules") for line in lines)


def test_code_that_was_accepted_as_equal_is_shown_and_is_no_problem(results, verify):
    provenance = json.loads(Path(TEACHER).read_text())
    own, provenance["recipe"]["code"] = provenance["recipe"]["code"], "0" * 64
    record = {"script": "weigh.py", "stages": ["weigh"], "old": "0" * 64, "new": own, "modules": {}, "reason": "moved",
              "time": "2026-01-01T00:00:00+00:00"}  # fmt: skip
    provenance["accepted"] = {"code": own, "records": [record]}
    Path(TEACHER).write_text(json.dumps(provenance))
    _, lines = verify()
    assert not any("another code than" in line for line in lines)
    (line,) = (line for line in lines if line.startswith("accepted: "))
    assert "on 2026-01-01" in line
    assert "moved; 1 artifact made by this code" in line
