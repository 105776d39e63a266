"""Whole runs of the smallest world with real vLLM and DeepSpeed, and what makes a stage run again."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from conftest import BIN, ROOT
from scope import artifacts, folders

pytestmark = pytest.mark.real
WORLD = "tests/configs/smallest.yaml"
METHODS = ["opd", "grpo", "kd", "scope_released", "scope_full_kl", "scope_tau0.5"]


def checkout(folder):
    """The project in another place, as a checkout would be."""
    for name in ("scripts", "workflow", "config", "envs", "profiles", "tests/configs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", folder)
    return folder


def snakemake(folder, *arguments, check=True, wait=True):
    command = [BIN / "python", "scripts/run.py", "--cores", "2", "--configfile", WORLD, *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen(command, cwd=folder, start_new_session=True, **pipes)
    if not wait:
        return process
    output, _ = process.communicate()
    assert not check or process.returncode == 0, output[-6000:]
    return output


def would_run(folder, *arguments):
    """Rules that a dry run would execute, with their counts; `all` left out."""
    output = snakemake(folder, "-n", *arguments)
    table = re.findall(r"^([a-z_]+) +(\d+)$", output, re.M)
    return {rule: int(count) for rule, count in table if rule not in ("total", "all")}


def digests(folder):
    """Digest of every artifact; logs, timings, and the page, which shows timings, are no artifacts."""
    outside = ("logs", "benchmarks", "wandb")
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((folder / "results").rglob("*"))
        if path.is_file() and not set(outside) & set(path.parts) and path.suffix not in (".html", ".log")
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = checkout(tmp_path_factory.mktemp("smallest"))
    snakemake(folder)
    return folder


def test_the_smallest_world_runs_to_its_report(finished):
    results = finished / "results/smallest"
    assert "The smallest world" in (results / "report.html").read_text()
    round_ = results / "scope/seed0/round1"
    rollouts = artifacts.read_all([round_ / f"rollout/{i}.parquet" for i in (0, 1)], "rollouts")
    verdicts = artifacts.read_all([round_ / f"verify/{i}.parquet" for i in (0, 1)], "verdicts")
    scores = artifacts.read_all([round_ / f"score/{i}.parquet" for i in (0, 1)], "scores")
    assert len(rollouts) == len(verdicts) == len(scores) == 2 * 4 * 4
    assert scores["teacher_logprobs"].is_null().to_list() == verdicts["correct"].to_list()
    batch = artifacts.read(round_ / "batch.parquet", "batch")
    assert batch["step"].value_counts().sort("step")["count"].to_list() == [16, 16]
    metrics = artifacts.read(round_ / "metrics.parquet", "metrics")
    assert metrics["step"].to_list() == [1, 2]
    assert metrics["loss"].is_finite().all()
    assert metrics["engine_gap_max"].max() < 1e-3
    assert (round_ / "metrics.jsonl").read_text().count("\n") == 2
    folders.open_folder(round_ / "policy/manifest.json")
    folders.open_folder(round_ / "state/manifest.json")


def test_a_finished_run_does_nothing(finished):
    start = time.monotonic()
    assert "Nothing to be done" in snakemake(finished)
    assert time.monotonic() - start < 15


def test_touches_and_comments_rerun_nothing(finished):
    for path in [*finished.rglob("*.py"), *finished.rglob("*.parquet"), *finished.rglob("*.yaml")]:
        path.touch()
    library = finished / "scripts/scope/weights.py"
    library.write_text(library.read_text() + "\n# a remark\n")
    assert would_run(finished) == {}


def test_what_a_changed_setting_reruns(finished, tmp_path):
    expected = {
        "objective: {tau: 0.5}": {"weigh": 1, "update": 1, "evaluate": 1, "report": 1},
        "update: {learning_rate: 2.0e-3}": {"update": 1, "evaluate": 1, "report": 1},
        "report: {title: Another}": {"report": 1},
        "teacher: {pack_tokens: 128}": {"check_teacher": 1, "score": 2, "weigh": 1, "update": 1, "evaluate": 1,
                                        "report": 1},
        "tracking: {wandb: offline}": {},
    }  # fmt: skip
    for change, rules in expected.items():
        (tmp_path / "change.yaml").write_text(change)
        assert would_run(finished, "--configfile", WORLD, tmp_path / "change.yaml") == rules, change


def test_what_an_edit_reruns(finished):
    library = finished / "scripts/scope/weights.py"
    before = library.read_text()
    library.write_text(before.replace("if not tau > 0", "if not tau > 0.0"))
    os.utime(library, (1, 1))
    assert would_run(finished) == {"weigh": 1, "update": 1, "evaluate": 1, "report": 1}
    library.write_text(before)
    assert would_run(finished) == {}


def test_a_run_killed_in_an_update_ends_like_an_unbroken_one(finished):
    unbroken = digests(finished)
    round_ = finished / "results/smallest/scope/seed0/round1"
    for path in ("policy/manifest.json", "state/manifest.json", "metrics.parquet", "metrics.jsonl"):
        (round_ / path).unlink()
    process = snakemake(finished, wait=False)
    deadline = time.monotonic() + 120
    while not (round_ / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process.poll() is None, "the update ended before it could be killed"
    _kill_all(finished)
    process.wait()
    assert not (round_ / "policy/manifest.json").exists()
    output = snakemake(finished)
    assert "releasing the lock" in output
    assert digests(finished) == unbroken


def _kill_all(folder):
    """SIGKILL to every process that works in the folder, controllers first."""
    for pid in sorted(int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()):
        try:
            if Path(f"/proc/{pid}/cwd").resolve() == folder and pid != os.getpid():
                os.kill(pid, signal.SIGKILL)
        except (OSError, ProcessLookupError):
            continue


def test_a_damaged_artifact_stops_the_run_by_name_and_keeps_the_rest(finished):
    verdicts = finished / "results/smallest/scope/seed0/round1/verify/0.parquet"
    whole = verdicts.read_bytes()
    others = {name: digest for name, digest in digests(finished).items() if "verify/0" not in name}
    damaged = bytearray(whole)
    damaged[len(whole) // 4] ^= 0xFF
    verdicts.write_bytes(damaged)
    output = snakemake(finished, "--forcerun", "weigh", "--until", "weigh", check=False)
    assert re.search(r"error: .*verify/0.parquet: not a readable Parquet file", output)
    verdicts.write_bytes(whole)
    snakemake(finished)
    assert {n: d for n, d in digests(finished).items() if "verify/0" not in n} == others


def test_every_method_runs_on_the_embedded_world(finished, tmp_path):
    (tmp_path / "engine.yaml").write_text("rollout: {engine: transformers, shards: 1}\nupdate: {ranks: 1}\n")
    arms = f"[{','.join(METHODS)}]"
    snakemake(finished, "--configfile", WORLD, tmp_path / "engine.yaml", "--config", f"arms={arms}")
    results = finished / "results/smallest"
    losses = {}
    for method in METHODS:
        round_ = results / method / "seed0/round1"
        metrics = artifacts.read(round_ / "metrics.parquet", "metrics")
        assert metrics["loss"].is_finite().all(), method
        losses[method] = set(artifacts.read(round_ / "batch.parquet", "batch")["loss"].unique())
        assert (round_ / "score/0.parquet").exists() == (method != "kd"), method
        assert method in (results / "report.html").read_text()
    assert losses["opd"] == {"opd"}
    assert losses["grpo"] == {"pg"}
    assert losses["kd"] == {"nll"}
    assert losses["scope_released"] <= {"nll", "opd"}


@pytest.mark.skipif("SCOPE_DATA" not in os.environ, reason="SCOPE_DATA is not set: no real rows to run on")
def test_real_rows_flow_through_with_nothing_correct(tmp_path):
    folder = checkout(tmp_path)
    snakemake(folder, "--configfile", "config/real_smoke.yaml")
    results = folder / "results/real_smoke"
    for round_ in ("round1", "round2"):
        metrics = artifacts.read(results / f"scope/seed0/{round_}/metrics.parquet", "metrics")
        assert metrics["loss"].is_finite().all()
        assert metrics["share_correct"].max() < 0.1
    assert "aime24" in (results / "report.html").read_text()


@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed: the page is not opened")
def test_the_page_opens_in_a_browser_without_a_console_message(finished, tmp_path):
    options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    options += " --disable-component-update --disable-sync --virtual-time-budget=20000 --enable-logging=stderr --v=0"
    page = finished / "results/smallest/report.html"
    opened = subprocess.run(
        ["chromium", *options.split(), f"--user-data-dir={tmp_path}", "--dump-dom", page.as_uri()],
        text=True, capture_output=True, timeout=120)  # fmt: skip
    assert "CONSOLE" not in opened.stderr
    charts = page.read_text().count('class="chart"')
    assert opened.stdout.count("<svg") + opened.stdout.count("<canvas") >= charts > 0
