"""Models and data count by their content: a finished run on own folders and files, moved, copied and changed."""

import json
import shutil

import pytest
import yaml

from flows import checkout, snakemake, would_run

pytestmark = [pytest.mark.real, pytest.mark.slow]
RESULTS = "results/moved"


def configuration(own):
    """One round on models and rows that lie in a folder of the user."""
    rows = {"problem": "problem", "answer": "answer", "template": "{problem}"}
    path = "${OWN}/models/"
    return {
        "experiment": "moved",
        "data": {
            "puzzle": None,
            "train": {**rows, "path": "${OWN}/data/train.jsonl"},
            "benchmarks": {"held": {**rows, "path": "${OWN}/data/held.jsonl"}},
        },
        "models": {name: {"random_init": None, "sft": None, "path": path + name} for name in ("student", "teacher")},
        "rollout": {"shards": 1},
        "update": {"ranks": 1, "steps_per_round": 1},
    }


def write_rows(path, problems):
    path.parent.mkdir(exist_ok=True)
    lines = [json.dumps({"problem": f"{a}+{b}=", "answer": str(a + b)}) for a, b in problems]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def own(tmp_path_factory, tiny):
    folder = tmp_path_factory.mktemp("own") / "first"
    for name, manifest in tiny.items():
        shutil.copytree(manifest.parent, folder / "models" / name, ignore=shutil.ignore_patterns("manifest.json"))
    write_rows(folder / "data/train.jsonl", [(a, b) for a in range(1, 4) for b in range(1, 4)])
    write_rows(folder / "data/held.jsonl", [(7, 8), (8, 9)])
    (folder.parent / "moved.yaml").write_text(yaml.safe_dump(configuration(folder)))
    return folder


@pytest.fixture(scope="module")
def finished(own, tmp_path_factory):
    folder = checkout(tmp_path_factory.mktemp("moved"))
    snakemake(folder, *world(own), OWN=own)
    return folder


def world(own):
    return "--configfile", "tests/configs/smallest.yaml", own.parent / "moved.yaml"


def planned(finished, own, monkeypatch, folder):
    monkeypatch.setenv("OWN", str(folder))
    return would_run(finished, *world(own))


def test_moved_copied_and_changed_models_and_data(finished, own, monkeypatch):
    assert planned(finished, own, monkeypatch, own) == {}
    copy = shutil.copytree(own, own.with_name("copy"))
    assert planned(finished, own, monkeypatch, copy) == {}
    shutil.rmtree(own)
    assert planned(finished, own, monkeypatch, copy) == {}

    # Jobs that are still to come find the model in its new place, and nothing before them runs again.
    samples = "shared/evaluate/base/held/T1/0"
    for name in (f"{samples}.samples.parquet", f"{samples}.parquet", "report.html"):
        (finished / RESULTS / name).unlink()
    assert planned(finished, own, monkeypatch, copy) == {"evaluate_shared": 1, "grade_shared": 1, "report": 1}
    snakemake(finished, *world(own))
    assert planned(finished, own, monkeypatch, copy) == {}
    assert "all as recorded" in snakemake(finished, script="scripts/verify_results.py")

    # Other bytes under the same path.
    weights = copy / "models/teacher/model.safetensors"
    kept = weights.read_bytes()
    weights.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    found = planned(finished, own, monkeypatch, copy)
    assert found["model"] == 1
    assert found["check_teacher"] == found["score_shared"] == found["update"] == 1
    assert "rollout_shared" not in found
    why = snakemake(finished, *world(own), script="scripts/why.py")
    assert "the content of models.teacher changed" in why
    weights.write_bytes(kept)
    assert planned(finished, own, monkeypatch, copy) == {}
    write_rows(copy / "data/train.jsonl", [(a, b) for a in range(1, 4) for b in range(2, 5)])
    found = planned(finished, own, monkeypatch, copy)
    assert found["check_rows"] == found["prompts"] == found["rollout_shared"] == 1
    assert "model" not in found
    assert "the content of data.train changed" in snakemake(finished, *world(own), script="scripts/why.py")
