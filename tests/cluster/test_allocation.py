"""The workflow inside one SLURM allocation: same results, a clean stop before the end, a chain that resumes."""

import json
import subprocess
import time

import pytest

from cluster_world import ARM, WORLD
from conftest import BIN, ROOT, run
from flows import checkout, digests, made_from
from refusals import refused
from scope.artifacts import parquet
from scope.artifacts.schemas.scores import SCORES
from scope.cluster import allocation
from scope.cluster.allocation import check_shares
from scope.cluster.check import requests
from scope.cluster.check.checks import check_gpus
from scope.cluster.check.types import STAGE, Request
from scope.config.experiment import open_config
from scope.run.arguments import check_profile, parse
from scope.slurm.parse import Allocation, NodeResources, megabytes, read_allocation

SITE = ("--workflow-profile", "tests/configs/allocation")
SIZE = ("--nodes=3", "--ntasks-per-node=1", "--cpus-per-task=4", "--mem=12000", "--gres=gpu:2")
HELD = Allocation(cpus=12, gpus=6, mem_mb=36000, end=0.0, nodes=3, node=NodeResources(gpus=2, cpus=4, mem_mb=12000))
DESCRIBED = """JobId=7 JobName=scope
   JobState=RUNNING Reason=None Dependency=(null)
   StartTime=2026-01-02T03:00:00 EndTime=2026-01-02T15:00:00 Deadline=N/A
   NumNodes=3 NumCPUs=12 NumTasks=3 CPUs/Task=4 ReqB:S:C:T=0:0:*:*
   {tres}
"""


@pytest.mark.parametrize(
    "tres",
    [
        "TRES=cpu=12,mem=36000M,node=3,billing=12\n   JOB_GRES=gpu:6\n"
        "     Nodes=n[1-3] CPU_IDs=0-3 Mem=12000 GRES=gpu:2(IDX:0-1)",
        "ReqTRES=cpu=1,mem=1G,node=1\n   AllocTRES=cpu=12,mem=36000M,node=3,gres/gpu=6\n"
        "   JOB_GRES=gpu:h100:4,gpu:l4:2\n     Nodes=n1 CPU_IDs=0-1,7,9 Mem=12000 GRES=gpu:h100:2(IDX:0-1)\n"
        "     Nodes=n[2-3] CPU_IDs=0-2 Mem=6000 GRES=gpu:h100:1(IDX:0),gpu:l4:1(IDX:1)",
    ],
    ids=["one kind of GPU, not accounted", "two kinds, accounted"],
)
def test_what_an_allocation_holds_is_read_from_scontrol(tres):
    read = read_allocation(DESCRIBED.format(tres=tres))
    assert (read.cpus, read.gpus, read.mem_mb, read.nodes) == (12, 6, 36000, 3)
    assert read.node == NodeResources(gpus=2, cpus=4, mem_mb=12000)
    assert time.strftime("%H:%M", time.localtime(read.end)) == "15:00"


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"nodes": 4, "gpu": 4}, ["4 nodes", "has 3"]),
        ({"nodes": 2, "gpu": 6}, ["3 GPUs", "has 2"]),
        ({"mem_mb": 16000}, ["16000 MB", "has 12000"]),
    ],
)
def test_a_share_that_no_node_could_hold_is_refused(asked, names):
    with refused("allocation-too-small", "the rule update", *names):
        check_shares([Request("update", {**STAGE, **asked}, 4, [])], HELD)
    check_shares([Request("update", {**STAGE, "nodes": 3, "gpu": 6, "mem_mb": 12000}, 4, [])], HELD)


def test_memory_is_read_in_slurms_units():
    assert [megabytes(size) for size in ("500M", "2.50G", "1T", "2048K", "70")] == [500, 2560, 1048576, 2, 70]


def test_what_replicas_of_the_teacher_use_is_not_available_to_stages():
    assert HELD.without(2, NodeResources(gpus=1, cpus=2, mem_mb=6000)) == HELD._replace(cpus=8, gpus=4, mem_mb=24000)
    assert HELD.without(0, NodeResources(4, 8, 100_000)) == HELD


def test_the_example_of_a_profile_fits_the_papers_run(monkeypatch):
    monkeypatch.chdir(ROOT)
    example = ["--profile", "profiles/allocation", "--workflow-profile", "profiles/allocation-example"]
    asked = requests.shares(parse(example))
    node = NodeResources(gpus=8, cpus=64, mem_mb=1_000_000)
    check_shares(asked, Allocation(cpus=128, gpus=16, mem_mb=2_000_000, end=0.0, nodes=2, node=node))
    assert list(check_gpus(asked, open_config("config/paper_math.yaml").update.ranks)) == []


@pytest.mark.parametrize(
    ("command", "status"),
    [("exit 3", 3), ("sleep 60", 75), ("trap 'exit 0' TERM; sleep 60 & wait", 75), ("trap '' TERM; sleep 60", 75)],
    ids=["ends by itself", "does not end by itself", "ends well after TERM", "does not listen"],
)
def test_a_run_is_over_before_the_walltime_is(monkeypatch, command, status):
    monkeypatch.setattr(allocation, "LAST_S", 1.0)
    process = subprocess.Popen(["bash", "-c", command], start_new_session=True)
    end = time.time() + 3
    assert allocation._run_until(process, end, margin_s=2) == status
    assert time.time() < end
    assert process.returncode is not None


@pytest.mark.parametrize("option", [["--workflow-profile", "nowhere"], ["--workflow-profile=nowhere"]])
def test_a_missing_profile_is_refused(option):
    with refused("no-such-folder", "--workflow-profile nowhere"):
        check_profile(["all", *option, "-n"])
    for good in (["profiles/site-example"], ["site-example"], ["none"], [str(ROOT / "profiles/slurm/config.yaml")]):
        check_profile(["--workflow-profile", *good])
    check_profile(["-n"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--nodes=1", "--configfile", "config/config.yaml"], "write `--` between the options of sbatch and"),
        (["--chain", "0", "--"], "--chain 0: write a number from 1 on"),
        (["--chain", "2", "--wait", "--"], "--chain 2: write a number from 1 on, and 1 with sbatch's --wait"),
        (["--", "--configfile", "nowhere.yaml"], "nowhere.yaml: no such configuration file"),
        (["--", "--configfile=nowhere.yaml"], "nowhere.yaml: no such configuration file"),
        (["--", "--config", "rouds=2"], "unknown key `rouds`"),
        (["--", "--workflow-profile", "nowhere"], "--workflow-profile nowhere: profile not found"),
    ],
)
def test_what_could_only_fail_later_is_refused_before_anything_is_submitted(words, said):
    done = run(BIN / "python", "scripts/allocate.py", *words, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def allocate(folder, *words):
    return subprocess.run([BIN / "python", "scripts/allocate.py", *words], cwd=folder, capture_output=True, text=True)


def wait_for(cluster, *jobs, seconds=600):
    listed = ["squeue", "--noheader", "--format=%T", "--jobs", ",".join(jobs)]
    cluster.wait(lambda: not cluster.run(*listed), "end of the allocations", seconds)


def states(cluster, *jobs):
    listed = cluster.run("squeue", "--states=all", "--noheader", "--format=%A %T", "--jobs", ",".join(jobs))
    return [dict(line.split() for line in listed.splitlines())[job] for job in jobs]


@pytest.mark.real
@pytest.mark.slow
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
def test_a_chain_resumes_where_the_walltime_ended(cluster_run, cluster, tmp_path):
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
    settings = {"server": {"model": "teacher", "key_file": str(tmp_path / "key")}, "managed": {"heartbeat_s": 5}}
    (folder / "service.yaml").write_text(json.dumps({"teacher": {"backend": "managed", **settings}}))
    wanted, share = f"{ARM}/round1/policy/manifest.json", ("--teacher-share", "1", "2", "6000")
    said = allocate(folder, *share, *SIZE, "--time=15", "--margin", "30", "--", wanted, *SITE, *WORLD, "service.yaml")
    (job,) = said.stdout.removeprefix("submitted ").split(";")[0].split(" -> ")
    wait_for(cluster, job)
    assert states(cluster, job) == ["COMPLETED"], (folder / f".snakemake/allocation-{job}.log").read_text()[-3000:]
    scores = [
        parquet.read_all(made_from(place, f"{ARM}/round1/batch.parquet", "score"), SCORES)
        for place in (folder, cluster_run.folder)
    ]
    served, in_process = (frame["scorer_logprobs"].explode().drop_nulls() for frame in scores)
    assert len(served) == len(in_process) > 0
    assert (served - in_process).abs().max() < 1e-4
    assert not list((folder / "results/cluster/shared/teacher").glob("*.json")), "a record outlives its replica"


def test_options_that_slurm_refuses_are_reported(cluster, tmp_path):
    said = allocate(checkout(tmp_path), "--partition=nowhere", "--")
    assert said.returncode == 2
    assert "error: sbatch refuses the job: sbatch: error: invalid partition specified: nowhere" in said.stderr
    said = allocate(tmp_path, "--time=5", "--margin", "300", "--")
    assert "error: --margin 300: within a walltime of 00:05:00 no stage would ever start" in said.stderr
    assert not cluster.run("squeue", "--noheader")


@pytest.mark.real
def test_a_run_that_fails_ends_its_chain(cluster, tmp_path):
    folder = checkout(tmp_path)
    words = ("--chain", "3", *SIZE, "--time=15", "--margin", "30", "--", *WORLD, "--workflow-profile")
    for profile, more, why in (
        (
            "profiles/allocation-example",
            [],
            "the rule model asks a node for 64000 MB, and a node of this allocation has 12000",
        ),
        ("tests/configs/allocation", ["--until", "nothing"], "nothing"),
    ):
        said = allocate(folder, *words, profile, *more)
        jobs = said.stdout.removeprefix("submitted ").split(";")[0].split(" -> ")
        wait_for(cluster, *jobs)
        assert states(cluster, *jobs) == ["FAILED", "CANCELLED", "CANCELLED"]
        log = (folder / f".snakemake/allocation-{jobs[0]}.log").read_text()
        assert why in log
        assert f"allocation: the run failed; cancelling {jobs[1]} {jobs[2]}" in log


def test_inside_has_to_be_inside():
    from scope.cluster.allocation import run_inside

    with pytest.MonkeyPatch.context() as environment, refused("no-allocation"):
        environment.delenv("SLURM_JOB_ID", raising=False)
        run_inside([], 60, NodeResources(1, 8, 64000))
