"""Recipes as files: written whole and once, read back and checked."""

import json
from pathlib import Path

import pytest

from refusals import refused
from scope.artifacts import recipe_files
from scope.artifacts.layout import Layout
from scope.artifacts.recipe_argument import read_recipe_argument, recipe_digest
from scope.artifacts.recipe_files import plan_recipe, planned_recipe

DEMO = Layout("demo")
TEXT = json.dumps({"code": "0a", "script": "weigh.py", "settings": {"objective.tau": 1}})


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recipe_files, "_PLANNED", {})
    monkeypatch.setattr(recipe_files, "_WRITTEN", {})


def test_a_recipe_is_written_under_its_digest_and_read_back():
    digest = plan_recipe(DEMO, TEXT, write=True)
    assert digest == recipe_digest(TEXT)
    assert read_recipe_argument(DEMO.recipe(digest)) == TEXT
    assert [path.name for path in Path(DEMO.recipes).iterdir()] == [f"{digest}.json"]


def test_a_dry_run_writes_nothing_and_knows_the_text():
    digest = plan_recipe(DEMO, TEXT, write=False)
    assert not Path(DEMO.recipes).exists()
    assert planned_recipe(digest) == TEXT


def test_a_recipe_that_exists_is_not_written_again(monkeypatch):
    digest = plan_recipe(DEMO, TEXT, write=True)
    before = Path(DEMO.recipe(digest)).stat().st_mtime_ns
    monkeypatch.setattr(recipe_files, "_WRITTEN", {})
    plan_recipe(DEMO, TEXT, write=True)
    assert Path(DEMO.recipe(digest)).stat().st_mtime_ns == before


def test_a_recipe_that_was_removed_while_planning_went_on_is_written_by_the_next_process(monkeypatch):
    digest = plan_recipe(DEMO, TEXT, write=True)
    Path(DEMO.recipe(digest)).unlink()
    monkeypatch.setattr(recipe_files, "_WRITTEN", {})
    plan_recipe(DEMO, TEXT, write=True)
    assert read_recipe_argument(DEMO.recipe(digest)) == TEXT


def test_text_by_hand_and_any_path_are_taken():
    Path("mine.json").write_text(TEXT + "\n")
    assert read_recipe_argument("mine.json") == TEXT
    assert read_recipe_argument(TEXT) == TEXT


def test_a_missing_and_a_changed_file_are_bad_input():
    with refused("no-such-file", "nowhere.json", "`python scripts/recipe.py STAGE`"):
        read_recipe_argument("nowhere.json")
    digest = plan_recipe(DEMO, TEXT, write=True)
    Path(DEMO.recipe(digest)).write_text(TEXT.replace("1", "2"))
    with refused("changed-file", DEMO.recipe(digest)):
        read_recipe_argument(DEMO.recipe(digest))
