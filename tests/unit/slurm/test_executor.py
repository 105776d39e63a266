"""The corrections of Snakemake's SLURM executor, on a fake one."""

import asyncio
import os
from types import SimpleNamespace

import pytest

from refusals import refused
from scope.slurm import executor as module
from scope.slurm.executor import check_version, keep_unreported_jobs, patch_slurm_executor, poll_steadily


class FakeExecutor:
    """Yields the jobs that still run, reports those that ended, and drops those that SLURM did not tell it of."""

    def __init__(self, running=(), succeeded=(), failed=()):
        self.running, self.succeeded, self.failed = running, succeeded, failed
        self.reported = []

    async def sleep(self):
        raise AssertionError("the period was not set")

    async def check_active_jobs(self, active_jobs):
        for job in active_jobs:
            if job.external_jobid in self.succeeded:
                self.report_job_success(job)
            elif job.external_jobid in self.failed:
                self.report_job_error(job, msg="failed")
            elif job.external_jobid in self.running:
                yield job

    def report_job_success(self, job):
        self.reported.append((job.external_jobid, "success"))

    def report_job_error(self, job, msg):
        self.reported.append((job.external_jobid, msg))


JOBS = [SimpleNamespace(external_jobid=number) for number in ("1", "2", "3", "4")]


def still_active(executor):
    async def check():
        return [job.external_jobid async for job in executor.check_active_jobs(JOBS)]

    return asyncio.run(check())


def test_jobs_of_which_slurm_reports_nothing_stay_active():
    executor = FakeExecutor(running=["1"], succeeded=["2"], failed=["3"])
    assert still_active(executor) == ["1"], "the fake does not lose jobs as the plugin does"
    executor.reported.clear()
    keep_unreported_jobs(executor)
    assert still_active(executor) == ["1", "4"]
    assert executor.reported == [("2", "success"), ("3", "failed")]


def test_every_check_starts_anew():
    executor = FakeExecutor(running=["1", "2", "3", "4"])
    keep_unreported_jobs(executor)
    assert still_active(executor) == ["1", "2", "3", "4"]
    executor.running = []
    assert still_active(executor) == ["1", "2", "3", "4"]


def test_the_period_does_not_grow(monkeypatch):
    executor, slept = FakeExecutor(), []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    poll_steadily(executor, 5)

    async def wait_three_times():
        for _ in range(3):
            await executor.sleep()

    asyncio.run(wait_three_times())
    assert slept == [5, 5, 5]


def workflow(tmp_path, settings):
    return SimpleNamespace(
        basedir=str(tmp_path), executor_settings=settings, scheduler=SimpleNamespace(_executor=FakeExecutor())
    )


@pytest.mark.parametrize("settings", [None, SimpleNamespace()], ids=["local", "another executor"])
def test_other_executors_stay_as_they_are(tmp_path, monkeypatch, settings):
    monkeypatch.setattr(module, "version", lambda name: "99.0")
    path, other = os.environ["PATH"], workflow(tmp_path, settings)
    before = dict(vars(other.scheduler._executor))
    patch_slurm_executor(other)
    assert vars(other.scheduler._executor) == before
    assert os.environ["PATH"] == path


def test_slurms_executor_is_corrected_and_finds_our_sbatch(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    slurm = workflow(tmp_path, SimpleNamespace(init_seconds_before_status_checks=5))
    for _ in range(2):
        patch_slurm_executor(slurm)
    assert still_active(slurm.scheduler._executor) == ["1", "2", "3", "4"]
    assert os.environ["PATH"] == f"{tmp_path}/workflow/bin:/usr/bin:/bin"


@pytest.mark.parametrize("installed", ["2.7.1", "2.80.0", "2.9.0", "3.0.0"])
def test_a_version_of_the_plugin_that_was_not_tested_is_refused(tmp_path, monkeypatch, installed):
    monkeypatch.setattr(module, "version", lambda name: installed)
    slurm = workflow(tmp_path, SimpleNamespace(init_seconds_before_status_checks=5))
    with refused("other-version", f"slurm {installed}", "version 2.8", "==2.8.0"):
        patch_slurm_executor(slurm)
    assert "check_active_jobs" not in vars(slurm.scheduler._executor)


@pytest.mark.parametrize("installed", ["2.8", "2.8.0", "2.8.3"])
def test_the_tested_version_passes(installed):
    check_version(installed)
