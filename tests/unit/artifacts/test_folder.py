"""Folders with manifests: sealed last, checked on opening."""

import json

import pytest

from conftest import RECIPE, seal_files
from refusals import refused
from scope.artifacts.folder import (
    empty_folder,
    link_folder,
    open_folder,
    read_manifest,
    write_manifest_elsewhere,
)


@pytest.fixture
def sealed(tmp_path):
    return seal_files(tmp_path / "policy/manifest.json", **{"deep/weights.bin": "1234"})


def test_a_sealed_folder_opens(sealed):
    assert open_folder(sealed) == sealed.parent


def test_a_folder_kept_elsewhere_opens_through_its_manifest(sealed, tmp_path):
    digests = read_manifest(sealed)["files"]
    write_manifest_elsewhere(tmp_path / "link/manifest.json", sealed.parent, digests, recipe=RECIPE)
    assert open_folder(tmp_path / "link/manifest.json").resolve() == sealed.parent.resolve()


def test_the_manifest_of_a_folder_kept_elsewhere_is_the_same_wherever_it_lies(sealed, tmp_path):
    manifest = tmp_path / "link/manifest.json"
    write_manifest_elsewhere(manifest, sealed.parent, read_manifest(sealed)["files"], recipe=RECIPE)
    before, moved = manifest.read_bytes(), sealed.parent.rename(tmp_path / "moved")
    with refused("missing-file", "weights.bin"):
        open_folder(manifest)
    link_folder(manifest, moved)
    assert open_folder(manifest).resolve() == moved.resolve()
    write_manifest_elsewhere(manifest, moved, read_manifest(manifest)["files"], recipe=RECIPE)
    assert manifest.read_bytes() == before


def test_a_changed_file_is_named(sealed):
    (sealed.parent / "deep/weights.bin").write_bytes(b"1235")
    with refused("changed-file", "weights.bin", "manifest.json"):
        open_folder(sealed)


def test_a_missing_file_is_named(sealed):
    (sealed.parent / "deep/weights.bin").unlink()
    with refused("missing-file", "weights.bin"):
        open_folder(sealed)


def test_an_unfinished_folder_does_not_open(tmp_path):
    folder = empty_folder(tmp_path / "policy/manifest.json")
    (folder / "weights.bin").write_bytes(b"1")
    with refused("no-such-file", "manifest.json"):
        open_folder(folder / "manifest.json")


def test_a_damaged_manifest_is_named(sealed):
    sealed.write_text(sealed.read_text()[:20])
    with refused("unreadable-file", sealed):
        open_folder(sealed)


def test_fresh_removes_what_an_attempt_left(sealed):
    assert list(empty_folder(sealed).iterdir()) == []


def test_a_manifest_lists_digests_and_recipe(sealed):
    content = json.loads(sealed.read_text())
    assert list(content["files"]) == ["deep/weights.bin"]
    assert content["recipe"] == json.loads(RECIPE)
