# What Snakemake's SLURM plugin (2.8.0) leaves open.
import asyncio

from scope.slurm.jobs import first_in_path

first_in_path(f"{workflow.basedir}/workflow/bin")


def patch_slurm_executor():
    """Watch SLURM jobs steadily and lose none of them; nothing for other executors."""
    period = getattr(workflow.executor_settings, "init_seconds_before_status_checks", None)
    if period is not None:
        look_often(workflow.scheduler._executor, period)
        keep_watching(workflow.scheduler._executor)


def look_often(executor, period):
    """Ask SLURM for ended jobs every `slurm-init-seconds-before-status-checks`.

    The plugin would wait ten seconds longer from time to time, up to three minutes: an hour in 40 rounds of ten minutes.
    """
    executor.sleep = lambda: asyncio.sleep(period)


def keep_watching(executor):
    """Where SLURM does not answer, the plugin forgets the jobs that it asked for, and the run would wait for ever."""
    check, told = executor.check_active_jobs, set()

    def noting(report):
        return lambda job, *args, **options: (told.add(job.external_jobid), report(job, *args, **options))

    async def check_all(active_jobs):
        told.clear()
        async for job in check(active_jobs):
            told.add(job.external_jobid)
            yield job
        for job in active_jobs:
            if job.external_jobid not in told:
                yield job

    executor.check_active_jobs = check_all
    executor.report_job_success = noting(executor.report_job_success)
    executor.report_job_error = noting(executor.report_job_error)
