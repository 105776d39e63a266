"""Whole runs with real DeepSpeed, on real rows with real vLLM too: unbroken, killed, damaged, with every method."""

import json
import os
import re
import resource
import shutil
import subprocess
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from flows import checkout, digests, kill_all, made_from, snakemake, would_run
from needs_sandbox import sandboxed
from scope.artifacts import parquet
from scope.artifacts.folder import open_folder
from scope.artifacts.schemas.batch import BATCH
from scope.artifacts.schemas.evaluation import EVALUATION
from scope.artifacts.schemas.metrics import METRICS, STEP_COSTS
from scope.artifacts.schemas.prompts import PROMPTS
from scope.artifacts.schemas.rollouts import ROLLOUTS
from scope.artifacts.schemas.scores import SCORES
from scope.artifacts.schemas.verdicts import VERDICTS

pytestmark = pytest.mark.real
WORLD = ("--configfile", "tests/configs/smallest.yaml")
METHODS = ["opd", "grpo", "kd", "scope_released", "scope_full_kl", "scope_tau0.5"]


def test_the_smallest_world_runs_to_its_report(smallest):
    results = smallest / "results/smallest"
    assert "The smallest world" in (results / "report.html").read_text()
    round_ = results / "scope/seed0/round1"
    batch = "results/smallest/scope/seed0/round1/batch.parquet"
    rollouts = parquet.read_all(made_from(smallest, batch, "rollout"), ROLLOUTS)
    verdicts = parquet.read_all(made_from(smallest, batch, "verify"), VERDICTS)
    scores = parquet.read_all(made_from(smallest, batch, "score"), SCORES)
    assert len(rollouts) == len(verdicts) == len(scores) == 2 * 4 * 4
    assert scores["scorer_logprobs"].is_null().to_list() == verdicts["correct"].to_list()
    batch = parquet.read(round_ / "batch.parquet", BATCH)
    assert batch["step"].value_counts().sort("step")["count"].to_list() == [16, 16]
    metrics = parquet.read(round_ / "metrics.parquet", METRICS)
    assert metrics["step"].to_list() == [1, 2]
    assert metrics["loss"].is_finite().all()
    assert metrics["engine_gap_max"].max() < 1e-3
    assert (round_ / "metrics.jsonl").read_text().count("\n") == 2
    costs = parquet.read(results / "timings/scope/seed0/round1/update.steps.parquet", STEP_COSTS)
    assert costs["step"].to_list() == [1, 2]
    assert "An optimizer step: medians" in (results / "report.html").read_text()
    open_folder(round_ / "policy/manifest.json")
    open_folder(round_ / "state/manifest.json")


def test_a_finished_run_does_nothing(smallest):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "Nothing to be done" in snakemake(smallest, *WORLD)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 15  # not of a busy machine


@pytest.mark.slow
def test_a_run_killed_in_an_update_ends_like_an_unbroken_one(smallest):
    unbroken = digests(smallest)
    round_ = smallest / "results/smallest/scope/seed0/round1"
    for path in ("policy/manifest.json", "state/manifest.json", "metrics.parquet", "metrics.jsonl"):
        (round_ / path).unlink()
    process = snakemake(smallest, *WORLD, wait=False)
    deadline = time.monotonic() + 120
    while not (round_ / "metrics.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process.poll() is None, "the update ended before it could be killed"
    kill_all(smallest)
    process.wait()
    assert not (round_ / "policy/manifest.json").exists()
    output = snakemake(smallest, *WORLD)
    assert "releasing the lock" in output
    assert digests(smallest) == unbroken


def test_a_damaged_artifact_stops_the_run_by_name_and_keeps_the_rest(smallest):
    verdicts, _ = made_from(smallest, "results/smallest/scope/seed0/round1/batch.parquet", "verify")
    whole = verdicts.read_bytes()
    others = {name: digest for name, digest in digests(smallest).items() if "verify/0" not in name}
    damaged = bytearray(whole)
    column = pq.ParquetFile(verdicts).metadata.row_group(0).column(0)
    damaged[column.dictionary_page_offset + column.total_compressed_size - 2] ^= 0xFF
    verdicts.write_bytes(damaged)
    output = snakemake(smallest, *WORLD, "--forcerun", "weigh", "--until", "weigh", check=False)
    assert re.search(r"error: .*verify/0.parquet: not a readable Parquet file", output)
    verdicts.write_bytes(whole)
    snakemake(smallest, *WORLD, "--until", "weigh")
    assert would_run(smallest, *WORLD) == {}
    assert {n: d for n, d in digests(smallest).items() if "verify/0" not in n} == others


@pytest.mark.slow
def test_every_method_runs_on_the_embedded_world(smallest, tmp_path):
    (tmp_path / "engine.yaml").write_text("rollout: {shards: 1}\nupdate: {ranks: 1}\n")
    arms = f"[{','.join(METHODS)}]"
    results = smallest / "results/smallest"
    targets = [f"results/smallest/{method}/seed0/round1/metrics.parquet" for method in METHODS]
    snakemake(smallest, *WORLD, tmp_path / "engine.yaml", "--config", f"arms={arms}", "--", *targets)
    losses = {}
    for method in METHODS:
        round_ = results / method / "seed0/round1"
        metrics = parquet.read(round_ / "metrics.parquet", METRICS)
        assert metrics["loss"].is_finite().all(), method
        losses[method] = set(parquet.read(round_ / "batch.parquet", BATCH)["loss"].unique())
        assert bool(made_from(smallest, round_ / "batch.parquet", "score")) == (method != "kd"), method
    assert losses["opd"] == {"opd"}
    assert losses["grpo"] == {"pg"}
    assert losses["kd"] == {"nll"}
    assert losses["scope_released"] <= {"nll", "opd"}


@sandboxed
@pytest.mark.slow
def test_programs_are_verified_in_the_sandbox_through_the_whole_workflow(tmp_path):
    folder = checkout(tmp_path)
    world = (*WORLD, "tests/configs/functions.yaml")
    refused = snakemake(folder, *world, "--until", "verify_shared", check=False, PATH=no_bubblewrap(tmp_path))
    assert "no sandbox: bwrap is not installed" in refused
    batch = folder / "results/functions/scope/seed0/round1/batch.parquet"
    assert not batch.exists()
    snakemake(folder, *world)
    prompts = parquet.read(folder / "results/functions/shared/prompts/train.parquet", PROMPTS)
    assert set(prompts["domain"]) == {"code"}
    verdicts = parquet.read_all(made_from(folder, batch, "verify"), VERDICTS)
    assert len(verdicts) == 12 * 8
    assert {"correct", "wrong"} <= set(verdicts["reason"])
    assert set(verdicts["reason"]) <= {"correct", "wrong", "raised", "no_code", "timeout"}
    assert set(parquet.read(batch, BATCH)["path"]) == {"correct", "incorrect"}
    evaluated = folder / "results/functions/scope/seed0/round1/evaluate/functions/T1/0.parquet"
    assert len(parquet.read(evaluated, EVALUATION)) == 4 * 2
    assert "Functions" in (folder / "results/functions/report.html").read_text()


def no_bubblewrap(folder):
    """A PATH with all that the real one finds but bwrap."""
    tools = folder / "tools"
    tools.mkdir()
    for place in reversed(os.environ["PATH"].split(":")):
        for tool in Path(place).glob("*"):
            if tool.name != "bwrap":
                (tools / tool.name).unlink(missing_ok=True)
                (tools / tool.name).symlink_to(tool)
    return tools


ONE_ROUND = {
    "rounds": 1,
    "rollout": {"shards": 1},
    "evaluation": {"engine": "transformers", "n": 1, "max_tokens": 16},
    "data": {"benchmarks": {"aime24": {"limit": 6}}},
}


@pytest.mark.skipif("SCOPE_DATA" not in os.environ, reason="SCOPE_DATA is not set: no real rows to run on")
@pytest.mark.slow
@pytest.mark.parametrize("change", [ONE_ROUND, {}], ids=["one round", "whole"])
def test_real_rows_flow_through_vllm_with_nothing_correct(change, tmp_path):
    folder = checkout(tmp_path)
    (folder / "change.json").write_text(json.dumps(change))
    snakemake(folder, "--configfile", "config/real_smoke.yaml", "change.json")
    results = folder / "results/real_smoke"
    for round_ in range(1, change.get("rounds", 2) + 1):
        metrics = parquet.read(results / f"scope/seed0/round{round_}/metrics.parquet", METRICS)
        assert metrics["loss"].is_finite().all()
        assert metrics["share_correct"].max() < 0.1
        assert metrics["engine_gap_max"].max() < 1e-3
    assert "aime24" in (results / "report.html").read_text()


NEEDS_CHROMIUM = pytest.mark.skipif(
    not shutil.which("chromium"), reason="chromium is not installed: the report is not opened"
)
FRAME = """<!DOCTYPE html><iframe src="{report}" style="width: 390px; height: 800px; border: 0"></iframe><pre></pre>
<script>
const frame = document.querySelector("iframe"), word = "results".repeat(40);
function width(report) {{ return report.scrollWidth - report.clientWidth; }}
frame.onload = () => setTimeout(() => {{
  const report = frame.contentDocument.documentElement, as_written = width(report);
  for (const element of report.querySelectorAll("main *:not(script, svg *, .sample dt)"))
    for (const node of element.childNodes)
      if (node.nodeType == 3 && node.textContent.trim()) node.textContent = word;
  document.querySelector("pre").textContent = `beyond: ${{as_written}} ${{width(report)}} of ${{report.clientWidth}}`;
}}, 3000);
</script>"""
"""Shows the report as wide as a phone's screen: headless Chromium's own window is at least 500 pixels wide."""


def in_chromium(page, tmp_path, *options):
    """The page after its scripts have run: its document, and what Chromium logs."""
    common = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    common += " --disable-component-update --disable-sync --virtual-time-budget=20000 --enable-logging=stderr --v=0"
    return subprocess.run(
        ["chromium", *common.split(), *options, f"--user-data-dir={tmp_path}/profile", "--dump-dom", page.as_uri()],
        text=True,
        capture_output=True,
        timeout=120,
    )


@NEEDS_CHROMIUM
def test_the_report_opens_in_a_browser_without_a_console_message(smallest, tmp_path):
    page = smallest / "results/smallest/report.html"
    opened = in_chromium(page, tmp_path)
    assert "CONSOLE" not in opened.stderr
    charts = page.read_text().count('class="chart"')
    assert opened.stdout.count("<svg") + opened.stdout.count("<canvas") >= charts > 0


@NEEDS_CHROMIUM
def test_no_text_of_the_report_is_wider_than_a_phones_screen(smallest, tmp_path):
    """Neither as it is nor with a long word without a blank in every place: wide tables scroll in their own box."""
    page = tmp_path / "frame.html"
    page.write_text(FRAME.format(report=(smallest / "results/smallest/report.html").as_uri()))
    opened = in_chromium(page, tmp_path, "--allow-file-access-from-files")
    assert re.findall(r"<pre>(beyond: .*) of 3\d\d</pre>", opened.stdout) == ["beyond: 0 0"]
