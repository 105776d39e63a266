"""The workflow inside one SLURM allocation: same results, a clean stop before the end, a chain that goes on."""

import subprocess
import time

import pytest

from cluster_world import ARM, WORLD
from conftest import BIN
from flows import checkout, digests
from scope.allocation import Allocation, megabytes, read_allocation
from scope.errors import InputError

SITE = ("--workflow-profile", "tests/configs/allocation")
SIZE = ("--nodes=3", "--ntasks-per-node=1", "--cpus-per-task=4", "--mem=12000", "--gres=gpu:2")
DESCRIBED = """JobId=7 JobName=scope
   JobState=RUNNING Reason=None Dependency=(null)
   StartTime=2026-01-02T03:00:00 EndTime=2026-01-02T15:00:00 Deadline=N/A
   NumNodes=3 NumCPUs=12 NumTasks=3 CPUs/Task=4 ReqB:S:C:T=0:0:*:*
   {tres}
"""


@pytest.mark.parametrize(
    "tres",
    [
        "TRES=cpu=12,mem=36000M,node=3,billing=12,gres/gpu=6",
        "ReqTRES=cpu=1,mem=1G,node=1\n   AllocTRES=cpu=12,mem=36000M,node=3,billing=12,gres/gpu=6",
    ],
    ids=["22.05", "23.11"],
)
def test_what_an_allocation_holds_is_read_from_scontrol(tres):
    read = read_allocation(DESCRIBED.format(tres=tres))
    assert read[:3] == (12, 6, 36000)
    assert time.strftime("%H:%M", time.localtime(read.end)) == "15:00"
    assert isinstance(read, Allocation)


def test_memory_is_read_in_slurms_units():
    assert [megabytes(size) for size in ("500M", "2.50G", "1T", "2048K", "70")] == [500, 2560, 1048576, 2, 70]


def allocate(folder, *words):
    return subprocess.run([BIN / "python", "scripts/allocate.py", *words], cwd=folder, capture_output=True, text=True)


def wait_for(cluster, *jobs, seconds=600):
    listed = ["squeue", "--noheader", "--format=%T", "--jobs", ",".join(jobs)]
    cluster.wait(lambda: not cluster.run(*listed), "end of the allocations", seconds)


def states(cluster, *jobs):
    listed = cluster.run("squeue", "--states=all", "--noheader", "--format=%A %T", "--jobs", ",".join(jobs))
    return [dict(line.split() for line in listed.splitlines())[job] for job in jobs]


@pytest.mark.real
def test_a_round_inside_an_allocation_makes_what_jobs_per_stage_make(cluster_run, cluster, tmp_path):
    folder = checkout(tmp_path)
    wanted = f"{ARM}/round1/policy/manifest.json"
    said = allocate(folder, "--chain", "2", *SIZE, "--time=15", "--margin", "30", "--", wanted, *SITE, *WORLD)
    assert said.returncode == 0, said.stderr
    first, second = said.stdout.removeprefix("submitted ").split(";")[0].split(" -> ")
    wait_for(cluster, first, second)
    log = (folder / f".snakemake/allocation-{first}.log").read_text()
    assert states(cluster, first, second) == ["COMPLETED", "CANCELLED"], log[-3000:]
    steps = cluster.run("squeue", "--steps", "--states=all", "--noheader")
    made = digests(folder)
    assert wanted in made
    assert made.items() <= digests(cluster_run.folder).items(), steps


@pytest.mark.real
@pytest.mark.slow
def test_a_chain_goes_on_where_the_walltime_ended(cluster_run, cluster, tmp_path):
    folder = checkout(tmp_path)
    said = allocate(folder, "--chain", "8", *SIZE, "--time=2", "--margin", "75", "--", *SITE, *WORLD)
    jobs = said.stdout.removeprefix("submitted ").split(";")[0].split(" -> ")
    wait_for(cluster, *jobs, seconds=1500)
    ended = states(cluster, *jobs)
    assert "COMPLETED" in ended
    assert ended[0] == "FAILED"
    assert "no stage starts any more" in (folder / f".snakemake/allocation-{jobs[0]}.log").read_text()
    assert digests(folder) == cluster_run.whole


def test_options_that_slurm_refuses_are_told(cluster, tmp_path):
    said = allocate(checkout(tmp_path), "--partition=nowhere", "--")
    assert said.returncode == 2
    assert "error: sbatch refuses the allocation" in said.stderr


def test_inside_has_to_be_inside():
    from scope.allocation import run_inside

    with pytest.MonkeyPatch.context() as environment, pytest.raises(InputError, match="not inside a SLURM allocation"):
        environment.delenv("SLURM_JOB_ID", raising=False)
        run_inside([], 60)
