"""Leftover processes and SLURM jobs of a controller that was killed.

They are ended before a run starts anything: the run would start the same work again, and two processes would write to
the same file.
"""

import sys
from pathlib import Path

import psutil

from scope.slurm.jobs import cancel_and_wait, has_slurm, submitted_jobs

DRY_RUN = ("-n", "-np", "-pn", "--dry-run", "--dryrun")
"""Words of a command line that only plans; a controller that asks for it in another way counts as one that runs."""


def end_processes(folder: Path) -> None:
    """End the leftover processes, and print which."""
    for process in leftover_processes(folder):
        print(f"run: ending leftover process {process.pid} of a run that was killed", file=sys.stderr)
        _end(process)


def end_jobs(folder: Path) -> None:
    """Cancel the leftover SLURM jobs, and print which.

    Raises InputError where SLURM does not answer, or a job does not end.
    """
    jobs = submitted_jobs(folder) if has_slurm() else []
    for job in jobs:
        print(f"run: cancelling SLURM job {job.number} ({job.comment}) of a run that was killed", file=sys.stderr)
    if jobs:
        cancel_and_wait(jobs)


def leftover_processes(folder: Path) -> list[psutil.Process]:
    """Live stage processes and submissions of `folder` that have no Snakemake process among their parents."""
    stages = {f"scripts/{path.name}" for path in (folder / "scripts").glob("*.py")} - {"scripts/run.py"}
    jobs = [p for p in processes_in(folder) if stages & set(command(p)) or _submits(p)]
    return [job for job in jobs if not any(map(runs_snakemake, _parents(job)))]


def controllers(folder: Path) -> list[psutil.Process]:
    """Live Snakemake processes that control runs in `folder`, this process and its parents excepted.

    Snakemake also runs inside each SLURM job, as part of the run of another controller, and dry runs only plan.
    """
    own = {psutil.Process().pid, *(parent.pid for parent in psutil.Process().parents())}
    running = [p for p in processes_in(folder) if p.pid not in own and runs_snakemake(p)]
    return [p for p in running if not {"--mode", *DRY_RUN} & set(command(p))]


def processes_in(folder: Path) -> list[psutil.Process]:
    """Live processes whose working directory is `folder`."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == folder.resolve():
                found.append(process)
        except (psutil.Error, FileNotFoundError):
            continue
    return found


def runs_snakemake(process: psutil.Process) -> bool:
    """Whether a process is Snakemake, that of a controller or of a job."""
    return any(Path(word).name == "snakemake" for word in command(process)[:3])


def command(process: psutil.Process) -> list[str]:
    """The command line of a process; empty for one that has ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _submits(process: psutil.Process) -> bool:
    return any(Path(word).name == "sbatch" for word in command(process)[:2])


def _parents(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.parents()
    except psutil.Error:
        return []


def _end(job: psutil.Process) -> None:
    try:
        job.terminate()
        job.wait(10)
    except psutil.TimeoutExpired:
        job.kill()
    except psutil.NoSuchProcess:
        return
