"""Correct Snakemake's SLURM executor: it waits for SLURM, asks for ended jobs steadily, and loses none of them."""

import asyncio
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scope.errors import InputError

PLUGIN = "snakemake-executor-plugin-slurm"
TESTED = "2.8"
REMEDY = (
    f"install {PLUGIN}=={TESTED}.0; or compare your version with scope/slurm/executor.py, run tests/cluster, and "
    "change TESTED there"
)


def patch_slurm_executor(workflow: Any) -> None:
    """Correct the executor of a workflow; other executors than SLURM's stay as they are.

    Raises InputError for a version of the plugin that these corrections were not written for.
    """
    period = getattr(workflow.executor_settings, "init_seconds_before_status_checks", None)
    if period is None:
        return
    check_version(version(PLUGIN))
    first_in_path(Path(workflow.basedir) / "workflow/bin")
    executor = workflow.scheduler._executor
    poll_steadily(executor, period)
    keep_unreported_jobs(executor)


def check_version(installed: str) -> None:
    """Raise InputError unless the plugin's version is one that the corrections were written for."""
    if not is_tested(installed):
        raise InputError(
            f"{PLUGIN} {installed} is installed, and this workflow corrects errors of version {TESTED}, with which a "
            f"run can wait for ever (docs/clusters.md); {REMEDY}",
            "other-version",
        )


def is_tested(installed: str) -> bool:
    """Whether a version of the plugin is one that the corrections were written for."""
    return f"{installed}.".startswith(f"{TESTED}.")


def first_in_path(folder: Path) -> None:
    """Let this process and its children find commands in `folder` first: it holds an sbatch that retries."""
    if os.environ["PATH"].split(":")[0] != str(folder):
        os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"


def poll_steadily(executor: Any, period: float) -> None:
    """Ask SLURM for ended jobs every `slurm-init-seconds-before-status-checks`.

    The plugin makes each wait ten seconds longer, up to three minutes: an hour in 40 rounds of ten minutes.
    """
    executor.sleep = lambda: asyncio.sleep(period)


def keep_unreported_jobs(executor: Any) -> None:
    """Keep every job active until the plugin reports its end.

    Where SLURM does not answer, the plugin drops the jobs that it asked for, and the run would wait for ever.
    """
    check, seen = executor.check_active_jobs, set()

    def recording(report):
        def report_end(job, *arguments, **options):
            seen.add(job.external_jobid)
            return report(job, *arguments, **options)

        return report_end

    async def check_all(active_jobs):
        seen.clear()
        async for job in check(active_jobs):
            seen.add(job.external_jobid)
            yield job
        for job in active_jobs:
            if job.external_jobid not in seen:
                yield job

    executor.check_active_jobs = check_all
    executor.report_job_success = recording(executor.report_job_success)
    executor.report_job_error = recording(executor.report_job_error)
