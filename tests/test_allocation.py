"""The workflow inside one SLURM allocation: same results, a clean stop before the end, a chain that goes on."""

import json
import subprocess
import time

import pytest

from cluster_world import ARM, WORLD
from conftest import BIN
from flows import checkout, digests, made_from
from scope import allocation, artifacts
from scope.allocation import Allocation, megabytes, read_allocation
from scope.errors import InputError
from scope.warm_teacher import Share, configfiles_in

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
        "TRES=cpu=12,mem=36000M,node=3,billing=12\n   JOB_GRES=gpu:6\n     Nodes=n[1-3] GRES=gpu:2(IDX:0-1)",
        "ReqTRES=cpu=1,mem=1G,node=1\n   AllocTRES=cpu=12,mem=36000M,gres/gpu=6\n   JOB_GRES=gpu:h100:4,gpu:l4:2",
    ],
    ids=["one kind of GPU, not accounted", "two kinds, accounted"],
)
def test_what_an_allocation_holds_is_read_from_scontrol(tres):
    read = read_allocation(DESCRIBED.format(tres=tres))
    assert read[:3] == (12, 6, 36000)
    assert time.strftime("%H:%M", time.localtime(read.end)) == "15:00"
    assert isinstance(read, Allocation)


def test_memory_is_read_in_slurms_units():
    assert [megabytes(size) for size in ("500M", "2.50G", "1T", "2048K", "70")] == [500, 2560, 1048576, 2, 70]


def test_what_replicas_of_the_teacher_take_is_not_there_for_stages():
    whole = Allocation(cpus=64, gpus=16, mem_mb=900_000, end=0.0)
    assert whole.without(2, Share(gpus=4, cpus=8, mem_mb=100_000)) == Allocation(48, 8, 700_000, 0.0)
    assert whole.without(0, Share(4, 8, 100_000)) == whole


def test_configuration_files_are_found_among_snakemakes_arguments():
    assert configfiles_in(["all", "--configfile", "a.yaml", "b.yaml", "--dry-run"]) == ["a.yaml", "b.yaml"]
    assert configfiles_in(["--configfile", "a.yaml"]) == ["a.yaml"]
    assert configfiles_in(["-n"]) == ["config/config.yaml"]


@pytest.mark.parametrize(
    ("command", "status"),
    [("exit 3", 3), ("sleep 60", 75), ("trap 'exit 0' TERM; sleep 60 & wait", 75), ("trap '' TERM; sleep 60", 75)],
    ids=["ends by itself", "does not end by itself", "ends well when told to", "does not listen"],
)  # fmt: skip
def test_a_run_is_over_before_the_walltime_is(monkeypatch, command, status):
    monkeypatch.setattr(allocation, "LAST_S", 1.0)
    run = subprocess.Popen(["bash", "-c", command], start_new_session=True)
    end = time.time() + 3
    assert allocation._run_until(run, end, margin_s=2) == status
    assert time.time() < end
    assert run.returncode is not None


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
    made = digests(folder)
    assert wanted in made
    assert made.items() <= digests(cluster_run.folder).items()
    assert 'Provided resources: gpu=Resource("gpu", 6)' in log


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


@pytest.mark.real
@pytest.mark.slow
def test_a_teacher_stays_warm_in_the_allocation(cluster_run, cluster, tmp_path):
    folder = checkout(tmp_path / "checkout")
    settings = {"server": {"model": "teacher", "key_file": str(tmp_path / "key")}, "service": {"heartbeat_s": 5}}
    (folder / "service.yaml").write_text(json.dumps({"teacher": {"backend": "service", **settings}}))
    wanted, share = f"{ARM}/round1/policy/manifest.json", ("--teacher-share", "1", "2", "6000")
    said = allocate(folder, *share, *SIZE, "--time=15", "--margin", "30", "--", wanted, *SITE, *WORLD, "service.yaml")
    (job,) = said.stdout.removeprefix("submitted ").split(";")[0].split(" -> ")
    wait_for(cluster, job)
    assert states(cluster, job) == ["COMPLETED"], (folder / f".snakemake/allocation-{job}.log").read_text()[-3000:]
    scores = [artifacts.read_all(made_from(place, f"{ARM}/round1/batch.parquet", "score"), "scores")
              for place in (folder, cluster_run.folder)]  # fmt: skip
    served, in_job = (frame["teacher_logprobs"].explode().drop_nulls() for frame in scores)
    assert len(served) == len(in_job) > 0
    assert (served - in_job).abs().max() < 1e-4
    assert not list((folder / "results/cluster/shared/teacher").glob("*.json")), "a record outlives its replica"


def test_options_that_slurm_refuses_are_told(cluster, tmp_path):
    said = allocate(checkout(tmp_path), "--partition=nowhere", "--")
    assert said.returncode == 2
    assert "error: sbatch refuses the allocation" in said.stderr


def test_inside_has_to_be_inside():
    from scope.allocation import run_inside

    with pytest.MonkeyPatch.context() as environment, pytest.raises(InputError, match="not inside a SLURM allocation"):
        environment.delenv("SLURM_JOB_ID", raising=False)
        run_inside([], 60, Share(1, 8, 64000))
