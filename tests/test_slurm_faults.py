"""What may happen on a cluster, done to a real SLURM: whatever it was, the run ends like an unbroken one."""

import os
import signal

import polars as pl
import pytest

pytestmark = pytest.mark.real


def kill(controller):
    """SIGKILL to the controller and what it runs on its own machine, its SLURM jobs left alone."""
    os.killpg(controller.pid, signal.SIGKILL)
    controller.communicate()


@pytest.mark.parametrize(
    "stage", ["update", *(pytest.param(stage, marks=pytest.mark.slow) for stage in ("rollout", "score", "evaluate"))]
)
def test_jobs_of_a_killed_controller_end_before_a_new_one_starts_any(cluster_run, stage):
    targets, controller, orphan = cluster_run.start(stage)
    kill(controller)
    assert cluster_run.state(orphan) == "RUNNING"
    said = cluster_run.run(*targets)
    assert f"cancelling SLURM job {orphan}" in said
    jobs = cluster_run.jobs(f"rule_{stage}_")
    assert cluster_run.state(orphan) == "CANCELLED"
    ended = jobs.filter(job=orphan)["end"].item()
    later = jobs.filter(pl.col("job").cast(pl.Int64) > int(orphan), pl.col("state") == "COMPLETED")
    assert len(later)
    assert min(later["start"]) >= ended
    assert cluster_run.is_whole()


def test_a_cancelled_job_is_submitted_again(cluster_run, cluster):
    _, controller, job = cluster_run.start("score")
    cluster.run("scancel", job)
    said, _ = controller.communicate()
    assert controller.returncode == 0, said[-3000:]
    assert cluster_run.state(job) == "CANCELLED"
    assert cluster_run.is_whole()
