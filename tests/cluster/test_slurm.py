"""The smallest world through `snakemake --profile slurm` on a real SLURM of three virtual nodes."""

import re
from itertools import chain

import pytest
from safetensors.torch import load_file

from cluster_world import ARM, SECRET, WORLD
from conftest import BIN, run
from scope.artifacts import parquet
from scope.artifacts.schemas.metrics import METRICS
from scope.artifacts.stages import REMOTE

pytestmark = pytest.mark.real


def test_the_world_runs_to_its_report(cluster_run):
    jobs = cluster_run.jobs()
    assert "A virtual cluster" in (cluster_run.folder / "results/cluster/report.html").read_text()
    assert set(jobs["state"]) == {"COMPLETED"}
    ran = {re.match(r"rule_([a-z_]+?)(_wildcards_.*)?$", rule)[1] for rule in jobs["rule"]}
    assert ran == set(REMOTE) - {"restore"}


def test_shards_run_side_by_side_on_different_nodes(cluster_run):
    for stage in ("rollout", "score"):
        first, second = cluster_run.jobs(f"rule_{stage}_wildcards_scope_0_2").iter_rows(named=True)
        assert {first["nodes"], second["nodes"]} < {"n1", "n2", "n3"}
        assert first["nodes"] != second["nodes"]
        assert first["start"] < second["end"]
        assert second["start"] < first["end"]


def test_an_update_on_two_nodes_equals_that_of_one_process(cluster_run, tmp_path):
    nodes = cluster_run.jobs("rule_update")["nodes"]
    assert nodes.str.contains(r"^n\[\d[-,]\d\]$").to_list() == [True, True]
    (tmp_path / "one.yaml").write_text("update: {ranks: 1}\n")
    configs = [cluster_run.folder / path for path in WORLD[1:]]
    printing = [BIN / "python", "scripts/recipe.py", "update", "--config", *configs, tmp_path / "one.yaml"]
    recipe, execution = run(*printing).stdout, run(*printing, "--execution").stdout
    round_, base = cluster_run.folder / ARM / "round1", "results/cluster/shared/models/student"
    options = {
        "--batch": round_ / "batch.parquet",
        "--policy": cluster_run.folder / base / "manifest.json",
        "--arm": "scope",
        "--seed": 0,
        "--round": 1,
        "--out-policy": tmp_path / "policy/manifest.json",
        "--out-state": tmp_path / "state/manifest.json",
        "--out-metrics": tmp_path / "metrics.parquet",
        "--out-live": tmp_path / "metrics.jsonl",
        "--recipe": recipe,
        "--execution": execution,
    }
    run(BIN / "python", "scripts/update.py", *chain.from_iterable(options.items()), WANDB_MODE="disabled")
    before, one, two = (
        load_file(folder / "model.safetensors")
        for folder in (cluster_run.folder / base, tmp_path / "policy", round_ / "policy")
    )
    moved = max((one[name] - before[name]).abs().max().item() for name in before)
    apart = max((one[name] - two[name]).abs().max().item() for name in before)
    assert moved > 1e-4
    assert apart < 1e-3 * moved
    figures = [parquet.read(path, METRICS) for path in (tmp_path / "metrics.parquet", round_ / "metrics.parquet")]
    for name in ("loss", "grad_norm", "entropy"):
        assert figures[0][name].to_list() == pytest.approx(figures[1][name].to_list(), rel=1e-4)


def test_no_key_is_left_anywhere(cluster_run, cluster):
    """Results, logs, Snakemake's folder, job scripts, command lines; the keys were in the environment of every job."""
    kept = [path for path in cluster_run.folder.rglob("*") if path.is_file()]
    assert {"results", ".snakemake"} < {path.relative_to(cluster_run.folder).parts[0] for path in kept}
    assert not [path for path in kept if SECRET.encode() in path.read_bytes()]
    scripts = [cluster.run("scontrol", "write", "batch_script", job, "-") for job in cluster_run.jobs()["job"]]
    assert all("snakemake" in script and SECRET not in script for script in scripts)
    assert any(b"scripts/update.py" in line for line in cluster_run.command_lines)
    assert not [line for line in cluster_run.command_lines if SECRET.encode() in line]
