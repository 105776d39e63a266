"""What the user's files hold decides, not where they lie; large ones are hashed once."""

import json
import os
import shutil
from dataclasses import replace

import pytest

from plan_table import Table, X, plan_of
from refusals import refused
from scope.artifacts import known_digests
from scope.artifacts.folder import open_folder, write_manifest_elsewhere
from scope.models.files import checked_digests
from scope.planning.content import model_content
from scope.planning.files import Files
from scope.planning.model_links import link_models
from scope.planning.recipes import stage_settings

WEIGHTS = "model-00001-of-00002.safetensors"
FILES = ("config.json", WEIGHTS, "tokenizer.json", "chat_template.jinja", "README.md", "pytorch_model.bin")


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """An empty project as the working directory."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")


@pytest.fixture
def folder(tmp_path):
    """A model's folder."""
    made = tmp_path / "model"
    made.mkdir()
    for name in FILES:
        (made / name).write_text(name)
    return made


def plan_with(path, **data):
    return plan_of(models={"student": {"path": str(path), "random_init": None, "sft": None}}, **data)


def recipe_with(path):
    return plan_with(path).recipe("model", model="student")


def rows_plan(path):
    rows = {"path": str(path), "problem": "question"}
    table = Table()
    table.made[str(path)] = {}
    return plan_of(table, data={"puzzle": None, "train": rows, "benchmarks": {"held": rows}})


def rows_recipes(path):
    plan = rows_plan(path)
    stages = (("tokenizer", {}), ("check_rows", {}), ("prompts", {}), ("check_problems", {"benchmark": "held"}))
    return [plan.recipe(stage, **wildcards) for stage, wildcards in (*stages, ("problems", {"benchmark": "held"}))]


@pytest.fixture
def hashed(monkeypatch):
    """The names of the files that were hashed."""
    seen, real = [], known_digests.file_digest
    monkeypatch.setattr(known_digests, "file_digest", lambda path: seen.append(os.path.basename(path)) or real(path))
    return seen


def test_a_model_that_was_moved_or_copied_has_the_same_recipe(folder, tmp_path, monkeypatch):
    before = recipe_with(folder)
    copy = shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "link").symlink_to(copy)
    monkeypatch.setenv("MODELS", str(tmp_path))
    assert {recipe_with(path) for path in (copy, tmp_path / "link", "${MODELS}/model", "../model")} == {before}


def test_a_snapshot_of_links_is_its_content(folder, tmp_path):
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for name in FILES:
        (snapshot / name).symlink_to(folder / name)
    assert recipe_with(snapshot) == recipe_with(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_counts_changes_the_recipe_in_place(folder, name):
    before = recipe_with(folder)
    (folder / name).write_text("x" * len(name))
    assert (recipe_with(folder) != before) == (name not in ("README.md", "pytorch_model.bin"))


def test_a_file_that_counts_and_is_new_renamed_or_gone_changes_the_recipe(folder):
    before = recipe_with(folder)
    (folder / "generation_config.json").write_text("{}")
    added = recipe_with(folder)
    (folder / "chat_template.jinja").unlink()
    assert len({before, added, recipe_with(folder)}) == 3


def test_one_path_text_with_another_meaning_changes_the_recipe(folder, tmp_path, monkeypatch):
    other = shutil.copytree(folder, tmp_path / "other")
    (other / WEIGHTS).write_text("others")
    monkeypatch.setenv("M", str(folder))
    before = recipe_with("${M}")
    monkeypatch.setenv("M", str(other))
    assert recipe_with("${M}") != before


def test_a_file_is_hashed_once_until_it_changes(folder, hashed):
    (folder / WEIGHTS).write_bytes(b"1")
    before = recipe_with(folder)
    assert hashed.count(WEIGHTS) == 1
    assert recipe_with(folder) == before
    assert hashed.count(WEIGHTS) == 1
    times = (folder / WEIGHTS).stat()
    (folder / WEIGHTS).write_bytes(b"2")
    os.utime(folder / WEIGHTS, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert recipe_with(folder) != before


@pytest.mark.parametrize("damaged", ["", "[]", "{", '{"a": 1}', '{"a": [1]}'])
def test_damaged_digests_are_made_again(folder, damaged, hashed):
    (folder / WEIGHTS).write_bytes(b"1")
    before = recipe_with(folder)
    known_digests.KNOWN.write_text(damaged)
    assert recipe_with(folder) == before
    assert hashed.count(WEIGHTS) == 2
    assert json.loads(known_digests.KNOWN.read_text())


def test_rows_that_were_moved_have_the_same_recipes_and_changed_ones_others(tmp_path):
    first = tmp_path / "rows.jsonl"
    first.write_text('{"question": "1 + 1", "answer": "2"}\n')
    before = rows_recipes(first)
    moved = first.rename(tmp_path / "moved.jsonl")
    assert rows_recipes(moved) == before
    moved.write_text('{"question": "1 + 1", "answer": "3"}\n')
    assert all(new != old for new, old in zip(rows_recipes(moved), before, strict=True))


def test_the_reports_recipe_names_a_student_of_the_paper_alone(folder):
    name = folder.rename(folder.with_name("Qwen3-1.7B-Base"))
    assert stage_settings(plan_with(name).config, "report")["models"]["student"]["name"] == name.name
    other = name.rename(folder)
    assert stage_settings(plan_with(other).config, "report")["models"]["student"]["name"] is None


def test_the_reports_recipe_names_folders_and_rows_as_the_configuration_does(folder, monkeypatch):
    monkeypatch.setenv("PARENT", str(folder.parent))
    sft = {"rows": {"path": "${PARENT}/solved.jsonl"}, "steps": 2, "batch": 1, "learning_rate": 1e-5}
    plan = plan_of(models={"student": {"path": "${PARENT}/model", "random_init": None, "sft": sft}})
    models = stage_settings(plan.config, "report")["models"]
    assert models["student"]["path"] == "${PARENT}/model"
    assert models["student"]["sft"]["rows"] == "${PARENT}/solved.jsonl"
    assert models["dtype"] == plan.config.models.dtype
    assert models["teacher"]["random_init"]["layers"] == plan.config.models.teacher.random_init.layers


def test_the_link_follows_a_model_that_was_moved_but_not_another_one(folder, tmp_path):
    manifest = X.shared.model("student")
    recipe = recipe_with(folder)
    write_manifest_elsewhere(manifest, folder, checked_digests(folder, json.loads(recipe)["settings"]["models"]
                             ["student"]["content"]), recipe=recipe)  # fmt: skip
    other = shutil.copytree(folder, tmp_path / "other")
    moved = folder.rename(tmp_path / "moved")
    (other / "config.json").write_text("another")
    link_models(real_plan(other))
    with refused("missing-file"):
        open_folder(manifest)
    link_models(real_plan(moved))
    assert open_folder(manifest).resolve() == moved.resolve()


def real_plan(path):
    """A plan on the files that exist."""
    return replace(plan_with(path), files=Files())


def test_files_that_changed_after_planning_are_refused(folder):
    planned = model_content(str(folder))
    checked_digests(folder, planned)
    (folder / "config.json").write_text("later")
    with refused("changed-file", folder):
        checked_digests(folder, planned)
