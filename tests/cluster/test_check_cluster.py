"""The checks of a cluster: what SLURM 22.05 printed, changed where it should fail, and a real virtual cluster."""

import re
import shutil
from types import SimpleNamespace

import pytest
import yaml

import check_cluster
from conftest import BIN, ROOT, run
from flows import checkout
from refusals import refused
from scope.cluster.check import checks, findings, probe
from scope.cluster.check.types import GPU_RULES, RULES, STAGE, Profile, Request
from scope.config.experiment import parse_config, read_config
from scope.slurm.parse import minutes, read_partitions, read_settings

SITE = ROOT / "tests/configs/site"
PROFILE = Profile("squeue", 7, True, 30)
PLACED = "sbatch: Job 3 to start at 2026-11-21T08:04:55 using 1 processors on nodes n1 in partition gpu"
FOUND = {
    "host": "n1",
    "python": "python",
    "round_trip": 0.2,
    "skew": 0.1,
    "sandbox": None,
    "models": {"/m/student": None},
    "modules": {"torch": {"version": "2.13.0"}, "vllm": {"version": "0.32.0"}},
    "gpus": {"visible": "0,1", "cuda": "12.9", "names": ["H100", "H100"]},
}


@pytest.fixture
def settings():
    return read_settings((ROOT / "tests/recorded/scontrol_show_config.txt").read_text())


@pytest.fixture
def partitions():
    return read_partitions((ROOT / "tests/recorded/scontrol_show_partition.txt").read_text())


def asked(rule="rollout", threads=1, **resources):
    return Request(rule, {**STAGE, "runtime": 60, **resources}, threads, [])


def levels(verdicts):
    return [verdict.level for verdict in verdicts]


# What SLURM prints.


def test_recorded_settings_and_partitions_are_read(settings, partitions):
    assert settings["MinJobAge"] == "300 sec"
    assert settings["PreemptMode"] == "REQUEUE"
    assert {name: record["PreemptMode"] for name, record in partitions.items()} == {"gpu": "REQUEUE", "high": "OFF"}


@pytest.mark.parametrize(
    ("text", "limit"),
    [("UNLIMITED", float("inf")), ("1-00:00:00", 1440), ("08:00:00", 480), ("2-12:30:30", 3630.5), ("00:30:00", 30)],
)
def test_time_limits_are_read(text, limit):
    assert minutes(text) == limit


# What SLURM says of itself.


def test_a_good_cluster_passes(settings, partitions):
    verdicts = [*checks.check_controller(settings, PROFILE), checks.check_account(settings, [asked()])]
    verdicts += checks.check_partition("gpu", partitions, [asked()], settings)
    assert set(levels(verdicts)) == {"ok"}


def test_a_version_of_the_plugin_that_was_not_tested_fails():
    assert checks.check_plugin("2.8.0").level == "ok"
    verdict = checks.check_plugin("2.9.0")
    assert verdict.level == "FAILED"
    assert verdict.remedy.startswith("install snakemake-executor-plugin-slurm==2.8.0")


def test_a_partition_that_does_not_exist_names_those_that_do(settings, partitions):
    (verdict,) = checks.check_partition("nope", partitions, [asked()], settings)
    assert (verdict.level, verdict.sentence) == ("FAILED", "no such partition")
    assert verdict.remedy.endswith("one of gpu, high")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"State": "DOWN"}, "it is DOWN"),
        ({"MaxTime": "00:30:00"}, "rollout requests 60 min, the limit is 00:30:00"),
        ({"PreemptMode": "CANCEL"}, "preempted jobs are cancelled (PreemptMode=CANCEL)"),
        ({"PreemptMode": "GANG,CANCEL"}, "preempted jobs are cancelled (PreemptMode=CANCEL)"),
    ],
)
def test_a_partition_that_does_not_fit_fails_with_a_remedy(settings, partitions, changes, said):
    partitions["gpu"].update(changes)
    verdicts = list(checks.check_partition("gpu", partitions, [asked()], settings))
    (failed,) = [verdict for verdict in verdicts if verdict.level == "FAILED"]
    assert failed.sentence.startswith(said)
    assert failed.remedy


def test_cancelling_preemption_matters_only_where_jobs_are_preempted(settings):
    none, by_qos = {**settings, "PreemptType": "preempt/none"}, {**settings, "PreemptType": "preempt/qos"}
    assert checks.check_preemption("gpu", "CANCEL", none).level == "ok"
    assert checks.check_preemption("gpu", "OFF", {**by_qos, "PreemptMode": "CANCEL"}).level == "FAILED"
    assert "sacctmgr show qos" in checks.check_preemption("gpu", "CANCEL", by_qos).remedy


@pytest.mark.parametrize(
    ("changes", "profile", "said"),
    [
        ({"MinJobAge": "20 sec"}, {}, "set slurm-init-seconds-before-status-checks to 6 or less (it is 7)"),
        ({}, {"status_command": "sacct"}, "set slurm-status-command: squeue in the profile"),
        ({"AccountingStorageType": "accounting_storage/slurmdbd"}, {"status_command": "sacct"}, "set slurm-status-c"),
        ({"JobRequeue": "0"}, {"requeue": False}, "set slurm-requeue: true in the profile"),
    ],
)
def test_a_controller_that_would_wait_for_ever_is_reported_with_what_to_set(settings, changes, profile, said):
    verdicts = checks.check_controller({**settings, **changes}, PROFILE._replace(**profile))
    assert [verdict.remedy.startswith(said) for verdict in verdicts if verdict.level != "ok"] == [True]


def test_an_account_is_asked_for_where_the_cluster_enforces_one(settings):
    enforcing = {**settings, "AccountingStorageEnforce": "associations,limits"}
    assert checks.check_account(enforcing, [asked(), asked("update", slurm_account="us")]).sentence.startswith(
        "none for rollout"
    )
    assert checks.check_account(enforcing, [asked(slurm_account="us")]).level == "ok"


def test_a_request_that_fits_nowhere_is_reported_with_what_nodes_have():
    assert checks.check_fit([asked()], PLACED, "").level == "ok"
    refused = checks.check_fit([asked(gpu=9), asked("score", gpu=9)], "allocation failure: not available", "2 x gpu:2")
    assert refused.subject == "rollout, score"
    assert refused.sentence == "SLURM cannot schedule GPUs 9, CPUs 1, 4000 MB: allocation failure: not available"
    assert "2 x gpu:2" in refused.remedy


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ({"gpu": 8}, "update.ranks is 16, but its job gets 8 GPUs"),
        ({"nodes": 2, "gres": "gpu:h100:4"}, "update.ranks is 16, but its job gets 8 GPUs"),
        ({"nodes": 2, "gres": "gpu:8", "tasks": 2}, "the plugin multiplies its tasks, and so its CPUs, by the GPUs"),
        ({}, "none for update"),
    ],
)
def test_an_update_that_cannot_run_its_ranks_is_found(update, said):
    verdicts = list(checks.check_gpus([asked(gpu=1), asked("update", threads=16, **update)], 16))
    assert [verdict.sentence for verdict in verdicts] == [said]


def test_a_good_update_on_two_nodes_passes():
    update = asked("update", threads=16, nodes=2, gres="gpu:8", tasks=2, tasks_per_gpu=0)
    assert list(checks.check_gpus([update], 16)) == []


def test_jobs_shorter_than_projected_are_found():
    config = parse_config(read_config(ROOT / "config/paper_math.yaml", ROOT / "config/variants.yaml"))
    # 16,000 s on one GPU for a grading; 247.7 s on 16 GPUs for 16 shards
    requests = [asked("evaluate", gpu=1, runtime=200), asked("evaluate_shared", gpu=1, runtime=400), asked(gpu=1)]
    verdicts = list(checks.check_durations(requests, config))
    assert levels(verdicts) == ["FAILED", "warning"]
    assert verdicts[0].sentence == "267 min are projected for one job, 200 min are requested"


# What the profiles ask for.


def test_the_rules_that_go_to_slurm_are_those_that_are_not_local():
    text = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    blocks = re.findall(r"^(?:use rule (\w+) as |rule )(\w+)(?: with)?:(.*?)(?=^\S|\Z)", text, re.M | re.S)
    bodies = {name: body for _, name, body in blocks}
    assert {name for name, body in bodies.items() if "localrule: True" not in body} == set(RULES)
    with_gpus = {name for like, name, body in blocks if "**RESOURCES" in body + bodies.get(like, "")}
    assert with_gpus == set(GPU_RULES)
    assert set(yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())["set-resources"]) == set(RULES)


def test_requests_are_those_that_snakemakes_plugin_submits(monkeypatch):
    monkeypatch.chdir(ROOT)
    survey = check_cluster.read_survey(["--workflow-profile", str(SITE)])
    requests = {request.rule: request for request in survey.requests}
    assert survey.profile == Profile("squeue", 2, True, 5)
    assert {"-p", "gpu", "--gpus=1", "--mem", "2500"} <= set(requests["rollout"].options)
    assert {"--nodes=2", "--gres=gpu:1", "--ntasks=2"} <= set(requests["update"].options)
    assert (requests["update"].gpus, requests["update"].nodes) == (2, 2)
    # a site's set-resources replaces ours whole, and this one forgets `restore`
    assert requests["restore"].resources == {**STAGE, "slurm_partition": "gpu"}
    assert [request.rule for request in survey.probes] == ["gpu, 1 GPU"]


def test_requests_of_the_shipped_profile_grow_from_their_first_attempt(monkeypatch):
    monkeypatch.chdir(ROOT)
    requests = {request.rule: request for request in check_cluster.read_survey([]).requests}
    assert requests["update"].resources["mem_mb"] == 128000
    assert requests["evaluate"].resources["runtime"] == 480


def test_the_example_of_a_site_fits_the_papers_run(monkeypatch):
    monkeypatch.chdir(ROOT)
    arguments = ["--workflow-profile", "profiles/site-example", "--configfile", "config/paper_math.yaml"]
    survey = check_cluster.read_survey(arguments)
    update = next(request for request in survey.requests if request.rule == "update")
    assert {"--nodes=2", "--ntasks=2", "--gres=gpu:8", "-C", "h100", "-A", "my-project"} <= set(update.options)
    assert not any("ntasks-per-gpu" in option for option in update.options)
    assert all(request.resources["runtime"] for request in survey.requests)
    assert list(checks.check_gpus(survey.requests, survey.config.update.ranks)) == []
    assert list(checks.check_durations(survey.requests, survey.config)) == []
    assert [probe.rule for probe in survey.probes] == ["gpu, 8 GPUs", "gpu, 1 GPU"]


def test_what_the_plugin_refuses_is_bad_input(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    (tmp_path / "config.yaml").write_text("set-resources: {update: {gres: 'gpu:8', tasks: 1, mpi: srun}}")
    with refused("refused-request", "the rule update", "For MPI jobs, 'tasks' must be greater"):
        check_cluster.read_survey(["--workflow-profile", str(tmp_path)])


def test_profiles_of_another_executor_are_refused(monkeypatch):
    monkeypatch.chdir(ROOT)
    with refused("other-executor", "--profile slurm"):
        check_cluster.read_survey(["--profile", "none"])


# What jobs find on nodes.


def judged(**changes):
    return list(findings.check_node(SimpleNamespace(place="gpu", gpus=2, found={**FOUND, **changes}), PROFILE))


def test_a_good_node_passes():
    assert levels(judged()) == ["ok"] * 4


@pytest.mark.parametrize(
    ("changes", "level", "said"),
    [
        ({"round_trip": 31.0}, "FAILED", "set latency-wait to 62"),
        ({"round_trip": None, "skew": None}, "FAILED", "file system that nodes share"),
        ({"skew": -30.0}, "warning", "have the clocks synchronised"),
        ({"modules": {"vllm": {"error": "ImportError: libcuda"}}}, "FAILED", "install it beside python"),
        ({"gpus": {**FOUND["gpus"], "visible": "0"}}, "FAILED", "correct gpu, gpu_model or gres"),
        ({"gpus": {**FOUND["gpus"], "names": ["H100"]}}, "FAILED", "compare the node's driver"),
        ({"gpus": {"visible": "0,1", "cuda": None, "names": []}}, "warning", "install the CUDA build"),
        ({"gpus": {"visible": ""}}, "FAILED", "correct gpu, gpu_model or gres"),
        ({"models": {"/m/student": "Permission denied"}}, "FAILED", "where every node can read them"),
        ({"sandbox": "bwrap is not installed"}, "warning", "code verdicts will need bubblewrap"),
    ],
)
def test_a_node_that_does_not_fit_is_found(changes, level, said):
    (verdict,) = [verdict for verdict in judged(**changes) if verdict.level != "ok"]
    assert verdict.level == level
    assert said in verdict.remedy


def test_a_model_folder_without_weights_or_out_of_reach_is_found(tmp_path):
    assert "No such file or directory" in probe.model_error(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert "no *.safetensors" in probe.model_error(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"12345678")
    assert probe.model_error(tmp_path) is None
    (tmp_path / "lost.safetensors").symlink_to(tmp_path / "nowhere")
    assert "lost.safetensors" in probe.model_error(tmp_path)


@pytest.mark.slow
def test_a_virtual_cluster_is_checked(cluster, tmp_path):
    models = {name: tmp_path / "models" / name for name in ("student", "teacher")}
    folder = checkout(tmp_path / "scope")
    site = tmp_path / "site"
    shutil.copytree(SITE, site)
    experiment = yaml.safe_load((ROOT / "tests/configs/smallest.yaml").read_text())
    for name, path in models.items():
        path.mkdir(parents=True)
        (path / "config.json").write_text("{}")
        experiment["models"][name] = {"path": str(path)}
    (models["student"] / "model.safetensors").write_bytes(b"12345678")
    (tmp_path / "world.yaml").write_text(yaml.safe_dump(experiment))

    def check(*arguments):
        script = [BIN / "python", folder / "scripts/check_cluster.py", "--profile", "profiles/slurm"]
        profile = ["--workflow-profile", site, "--configfile", tmp_path / "world.yaml"]
        return run(*script, *profile, *arguments, check=False, SCOPE_TEACHER_API_KEY="a-secret-key")

    done = check()
    failed = re.findall(r"^FAILED +(.*)$", done.stdout, re.M)
    assert len(failed) == 1, done.stdout + done.stderr
    assert "model" in failed[0]
    assert "no *.safetensors" in failed[0]
    assert done.returncode == 1
    assert "warning  gpu, 1 GPU, " in done.stdout
    assert "CUDA_VISIBLE_DEVICES=0 as requested, but this torch has no CUDA" in done.stdout
    assert re.search(r"^ok +gpu, 1 GPU, \S+: shared folder: \S+ s there and back", done.stdout, re.M)
    assert re.search(r"^ok +gpu, 1 GPU, \S+: imports torch 2.* vllm .* polars", done.stdout, re.M)
    assert "a-secret-key" not in done.stdout + done.stderr
    assert list(folder.glob(".check-cluster-*")) == []
    assert cluster.run("squeue", "-h").strip() == ""

    (models["teacher"] / "model.safetensors").write_bytes(b"12345678")
    cluster.run("scontrol", "update", "partitionname=gpu", "preemptmode=CANCEL")
    done = check("--no-jobs")
    assert done.returncode == 1
    (failed,) = re.findall(r"^FAILED +(.*)$", done.stdout, re.M)
    assert failed.startswith("gpu: preemption: preempted jobs are cancelled (PreemptMode=CANCEL)")
    assert "-> use a partition or QOS with PreemptMode=REQUEUE" in done.stdout

    cluster.run("scontrol", "update", "partitionname=gpu", "preemptmode=REQUEUE")
    assert check("--no-jobs").returncode == 0
    text = (site / "config.yaml").read_text()
    (site / "config.yaml").write_text(text.replace("slurm_partition: gpu", "slurm_partition: nope"))
    done = check("--no-jobs")
    assert done.returncode == 1
    assert "FAILED   partition nope: no such partition" in done.stdout
    assert "-> set slurm_partition under default-resources to one of gpu, high" in done.stdout
