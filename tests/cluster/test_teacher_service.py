"""The teacher over whole jobs: the workflow at external servers, and replicas as real SLURM jobs that come and go."""

import re
import time

import pytest

from conftest import ROOT, run
from flows import checkout, snakemake
from scope.artifacts import parquet
from scope.artifacts.schemas.scores import SCORES
from scope.models.pair import Pair
from scope.score.api_key import KEY_VARIABLE
from scope.score.connection import VARIABLE
from scope.score.in_process import InProcessTeacher
from scope.score.open import open_teacher
from scope.score.service.registry import read_records
from scope.score.settings import Servers
from served_teacher import Experiment

pytestmark = [pytest.mark.real, pytest.mark.slow]
MODELS = """\
experiment: served
models:
  student: {{random_init: null, sft: null, path: {student}}}
  teacher: {{random_init: null, sft: null, path: {teacher}}}
rollout: {{engine: transformers, shards: 1}}
"""
EXTERNAL = "teacher: {{backend: external, server: {{model: teacher, urls: ['{url}'], concurrency: {concurrency}}}}}\n"
PAIRS = [Pair([3 + (i + j) % 12 for j in range(300 + i % 200)], [5, 3 + i % 9, 7]) for i in range(1500)]


def scores_of(folder):
    (path,) = folder.glob("results/served/shared/student-*/seed0/round1/score-*/0.parquet")
    return parquet.read(path, SCORES), str(path.relative_to(folder))


def test_the_workflow_scores_at_external_servers_and_keeps_the_key_to_itself(vllm_server, tiny, tmp_path, monkeypatch):
    url, key = vllm_server
    folder, files = checkout(tmp_path / "project"), ("--configfile", "tests/configs/smallest.yaml", "mine.yaml")
    models = MODELS.format(**{name: manifest.parent for name, manifest in tiny.items()})
    target = "results/served/scope/seed0/round1/batch.parquet"
    (folder / "mine.yaml").write_text(models)
    snakemake(folder, target, *files)
    near, path = scores_of(folder)
    (folder / path).unlink()

    monkeypatch.setenv(KEY_VARIABLE, key)
    (folder / "mine.yaml").write_text(models + EXTERNAL.format(url=url, concurrency=4))
    said = snakemake(folder, target, *files)
    far, path = scores_of(folder)
    gap = near["scorer_logprobs"].explode().drop_nulls() - far["scorer_logprobs"].explode().drop_nulls()
    assert len(gap) > 20
    assert gap.abs().max() < 1e-4
    kept = [p for top in ("results", ".snakemake") for p in (folder / top).rglob("*") if p.is_file()]
    assert [p for p in kept if key.encode() in p.read_bytes()] == []
    assert key not in said
    (folder / "mine.yaml").write_text(models + EXTERNAL.format(url="http://127.0.0.1:9", concurrency=8))
    assert "Nothing to be done" in snakemake(folder, target, *files)


def test_replicas_as_slurm_jobs_come_and_go_under_a_job_that_scores(cluster, tiny, tmp_path, monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    made = Experiment(tmp_path, tiny["teacher"], replicas=2)
    service = lambda *words: run("python", ROOT / "scripts/teacher_service.py", *words, cwd=tmp_path).stdout  # noqa: E731
    start = ("start", *made.files, "--", "--mem=4000", "--time=15", "--gres=gpu:1")
    first, second = re.fullmatch(r"2 wanted, 2 submitted: (\d+) (\d+)\n", service(*start)).groups()
    assert service(*start) == "2 wanted, 0 submitted: none was missing\n"
    cluster.wait(lambda: len(read_records(made.records)) == 2, "two replicas", seconds=240)
    table = service("status", *made.files)
    assert [line.split()[:2] for line in table.splitlines()[1:]] == [[first, "RUNNING"], [second, "RUNNING"]]
    assert all(record.ends > time.time() for record in read_records(made.records))
    argv = cluster.run("ps", "-ww", "-e", "-o", "args") + cluster.run("scontrol", "show", "job")
    assert "vllm serve" in argv
    assert made.key not in argv

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, service("where", *made.files).split("=", 1)[1].strip().strip("'"))
    settings = Servers(backend="managed", model="tiny")
    pool, found = open_teacher(settings, made.manifest, dtype="float32", temperature=1.0), {}
    for index, values in pool.score_each(PAIRS):
        assert index not in found
        found[index] = values
        if len(found) == 200:
            cluster.run("scancel", first)
    packed = InProcessTeacher(tiny["teacher"].parent, dtype="float32", temperature=1.0, pack_tokens=4096)
    right = dict(packed.score_each(PAIRS))
    assert max(abs(a - b) for i in right for a, b in zip(right[i], found[i], strict=True)) < 1e-4

    (third,) = re.fullmatch(r"2 wanted, 1 submitted: (\d+)\n", service(*start)).groups()
    cluster.wait(lambda: third in {record.job for record in read_records(made.records)}, "a third", seconds=240)
    assert {record.job for record in read_records(made.records)} == {second, third}
    assert service("stop", *made.files) == f"stopped: {second} {third}\n"
    assert read_records(made.records) == []
    for job in (second, third):
        assert "JobState=COMPLETED" in cluster.run("scontrol", "show", "job", job)
        assert "SIGTERM: accepts no more requests" in (made.logs / f"teacher.{job}.log").read_text()
