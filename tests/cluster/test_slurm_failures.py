"""What may happen on a cluster, done to a real SLURM: whatever it was, the run ends like an unbroken one."""

import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest

from cluster_world import ARM
from flows import processes_in
from scope.artifacts import parquet
from scope.artifacts.schemas.metrics import METRICS

pytestmark = pytest.mark.real


def kill(controller):
    """SIGKILL to the controller and what it runs on its own machine, its SLURM jobs left alone."""
    os.killpg(controller.pid, signal.SIGKILL)
    controller.communicate()


@pytest.mark.parametrize(
    "stage", ["update", *(pytest.param(stage, marks=pytest.mark.slow) for stage in ("rollout", "score", "evaluate"))]
)
def test_jobs_of_a_killed_controller_end_before_a_new_one_starts_any(cluster_run, stage):
    targets, controller, leftover = cluster_run.start(stage)
    kill(controller)
    assert cluster_run.state(leftover) == "RUNNING"
    said = cluster_run.run(*targets)
    assert f"cancelling SLURM job {leftover}" in said
    jobs = cluster_run.jobs(f"rule_{stage}_")
    assert cluster_run.state(leftover) == "CANCELLED"
    ended = jobs.filter(job=leftover)["end"].item()
    later = jobs.filter(pl.col("job").cast(pl.Int64) > int(leftover), pl.col("state") == "COMPLETED")
    assert len(later)
    assert min(later["start"]) >= ended
    assert cluster_run.is_whole()


@pytest.mark.slow
def test_a_cancelled_job_is_submitted_again(cluster_run, cluster):
    _, controller, job = cluster_run.start("score")
    cluster.run("scancel", job)
    said, _ = controller.communicate()
    assert controller.returncode == 0, said[-3000:]
    assert cluster_run.state(job) == "CANCELLED"
    assert cluster_run.is_whole()


@pytest.mark.slow
def test_a_submission_refused_for_a_while_is_made_later(cluster_run, cluster):
    targets = cluster_run.undo("score")
    cluster.run("scontrol", "update", "partitionname=gpu", "state=drain")
    before = len(cluster_run.jobs())
    controller = cluster_run.run(*targets, wait=False)
    time.sleep(12)
    assert controller.poll() is None
    assert len(cluster_run.jobs()) == before
    cluster.run("scontrol", "update", "partitionname=gpu", "state=up")
    said, _ = controller.communicate()
    assert controller.returncode == 0, said[-3000:]
    assert len(cluster_run.jobs()) == before + len(targets)
    assert cluster_run.is_whole()


@pytest.mark.slow
def test_a_restart_of_slurms_controller_is_sat_out(cluster_run, cluster):
    targets, controller, _ = cluster_run.start("rollout")
    before = len(cluster_run.jobs())
    cluster.stop_controller()
    time.sleep(10)
    assert controller.poll() is None
    cluster.start_controller()
    said, _ = controller.communicate()
    assert controller.returncode == 0, said[-3000:]
    assert len(cluster_run.jobs()) - before < len(targets)
    assert cluster_run.is_whole()


@pytest.mark.slow
def test_outputs_that_show_late_are_waited_for(cluster_run):
    """A shared file system may show a file seconds after the job that wrote it has ended."""
    stage, whole = cluster_run.folder / "workflow/stage.sh", (cluster_run.folder / "workflow/stage.sh").read_text()
    targets = cluster_run.undo("evaluate")
    late = f"""
eval "prompt_$(declare -f stage)"
stage() {{
  prompt_stage "$@" && mv {targets[0]} {targets[0]}.late && {{ (sleep 3; mv {targets[0]}.late {targets[0]}) & }}
}}
"""
    stage.write_text(whole + late)
    said = cluster_run.run(*targets)
    stage.write_text(whole)
    assert "Finished jobid" in said
    assert cluster_run.is_whole()


@pytest.mark.slow
def test_a_full_disk_ends_a_stage_with_its_reason_and_keeps_what_was_there(cluster_run):
    kept = (cluster_run.folder / ARM / "round2/verify/0.parquet").read_bytes()
    folder = cluster_run.folder / ARM / "round2/evaluate"
    targets = cluster_run.undo("evaluate")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", folder]).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        said = cluster_run.run(*targets, "--retries", "0", check=False)
        assert re.search(r"evaluate\.coins\.\S+\.log: error: no space left on the disk", said)
        assert not list(folder.rglob("*.parquet"))
    finally:
        subprocess.run(["umount", folder], check=True)
    cluster_run.run(*targets)
    assert (cluster_run.folder / ARM / "round2/verify/0.parquet").read_bytes() == kept
    assert cluster_run.is_whole()


@pytest.mark.slow
def test_a_job_out_of_time_is_named_and_done_by_the_next_run(cluster_run):
    stage, whole = cluster_run.folder / "workflow/stage.sh", (cluster_run.folder / "workflow/stage.sh").read_text()
    targets = cluster_run.undo("evaluate")
    stage.write_text(whole + 'eval "prompt_$(declare -f stage)"\nstage() { sleep 100; prompt_stage "$@"; }\n')
    said = cluster_run.run(*targets, "--set-resources", "evaluate:runtime=1", "--retries", "0", check=False)
    stage.write_text(whole)
    assert "TIMEOUT" in said
    assert "evaluate" in said
    assert cluster_run.jobs("rule_evaluate_")["state"].to_list()[-1] == "TIMEOUT"
    assert not (cluster_run.folder / targets[0]).exists()
    cluster_run.run(*targets)
    assert cluster_run.is_whole()


@pytest.mark.slow
def test_a_job_out_of_memory_gets_more_at_the_next_attempt(cluster_run):
    targets = cluster_run.undo("evaluate")
    before = len(cluster_run.jobs())
    cluster_run.run(*targets, "--set-resources", "evaluate:mem_mb=attempt * attempt * 300", "--retries", "2")
    failed = list((cluster_run.folder / ".snakemake/slurm_logs/rule_evaluate").rglob("*.log"))
    assert any("exceeded memory limit" in log.read_text() for log in failed)
    states = cluster_run.jobs()["state"].to_list()[before:]
    assert len(states) > 1
    assert states[-1] == "COMPLETED"
    assert cluster_run.is_whole()


@pytest.mark.slow
def test_work_of_a_dead_node_moves_to_another(cluster_run, cluster):
    _, controller, job = cluster_run.start("evaluate")
    node = cluster_run.jobs().filter(job=job)["nodes"].item()
    cluster.kill_node(node)
    said, _ = controller.communicate()
    cluster.start_node(node)
    cluster.wait(lambda: cluster.states()[node] == "idle", f"return of {node}")
    assert controller.returncode == 0, said[-3000:]
    assert cluster_run.jobs("rule_evaluate_").filter(state="COMPLETED")["nodes"].to_list()[-1] != node
    assert cluster_run.is_whole()


def hold_at_first(work, folder):
    """Stop the ranks of an update as soon as it has a checkpoint; what ends a job wakes them up."""
    deadline = time.monotonic() + 60
    while not list(work.rglob("manifest.json")):
        assert time.monotonic() < deadline
        time.sleep(0.002)
    for pid in processes_in(folder):
        with suppress(OSError):
            if b"scripts/update.py" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGSTOP)


@pytest.mark.slow
def test_a_preempted_update_resumes_from_its_checkpoint(cluster_run, cluster):
    """SLURM gives the nodes to a job of a higher partition, queues ours again, and holds it for two minutes."""
    before = len(cluster_run.jobs())
    _, controller, job = cluster_run.start("update")
    work = cluster_run.folder / ARM / "round2/.update.unfinished"
    hold_at_first(work, cluster_run.folder)
    cluster.run(
        "sbatch", "--partition=high", "--nodes=3", "--exclusive", "--time=1", "--wrap=sleep 3", "--output=/dev/null"
    )
    cluster.wait(lambda: cluster_run.state(job) == "PENDING", "preemption", 30)
    assert list(work.rglob("manifest.json")), "the update was over before it was preempted"
    said, _ = controller.communicate()
    assert controller.returncode == 0, said[-3000:]
    assert len(cluster_run.jobs()) == before + 1
    assert "resume: " in (cluster_run.folder / ARM / "round2/logs/update.log").read_text()
    steps = parquet.read(cluster_run.folder / ARM / "round2/metrics.parquet", METRICS)["step"].to_list()
    assert steps == [9, 10, 11, 12, 13, 14, 15, 16]
    assert cluster_run.is_whole()
