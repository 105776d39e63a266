# What Snakemake's SLURM plugin leaves open.
import asyncio
import os

# It finds a patient sbatch there.
os.environ["PATH"] = f"{workflow.basedir}/workflow/bin:{os.environ['PATH']}"


def look_often(executor):
    """Ask SLURM for ended jobs every `slurm-init-seconds-before-status-checks`.

    The plugin would wait ten seconds longer from time to time, up to three minutes: an hour in 40 rounds of ten minutes.
    """
    period = getattr(workflow.executor_settings, "init_seconds_before_status_checks", None)
    if period is not None:
        executor.sleep = lambda: asyncio.sleep(period)
