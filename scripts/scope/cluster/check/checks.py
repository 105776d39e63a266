"""Check SLURM's settings against the requests of the profiles: parsed output in, verdicts out."""

from collections.abc import Iterator, Mapping, Sequence

from scope.artifacts.stages import base_stage
from scope.cluster.check.types import GPU_RULES, Profile, Request, Verdict
from scope.config.experiment import Config
from scope.planning.cost import job_minutes
from scope.slurm.executor import REMEDY, TESTED, is_tested
from scope.slurm.parse import minutes, seconds


def check_plugin(installed: str) -> Verdict:
    """Whether the version of Snakemake's SLURM plugin is one whose errors the workflow corrects."""
    if is_tested(installed):
        return Verdict("ok", "plugin", f"version {installed}")
    return Verdict("FAILED", "plugin", f"version {installed} would not run: errors of {TESTED} are corrected", REMEDY)


def check_controller(settings: Mapping[str, str], profile: Profile) -> Iterator[Verdict]:
    """Whether Snakemake can see how its jobs ended, and lost jobs come back."""
    yield check_status_command(settings, profile)
    age, init = seconds(settings["MinJobAge"]), profile.init_seconds
    if age < 3 * init:
        yield Verdict(
            "FAILED",
            "MinJobAge",
            f"SLURM forgets jobs after {age} s, so Snakemake would use sacct instead",
            f"set slurm-init-seconds-before-status-checks to {age // 3} or less (it is {init})",
        )
    else:
        yield Verdict("ok", "MinJobAge", f"SLURM remembers jobs for {age} s, at least 3 x {init} s")
    if settings["JobRequeue"] == "0" and not profile.requeue:
        yield Verdict(
            "warning",
            "requeue",
            "SLURM does not requeue the jobs of a lost node (JobRequeue=0)",
            "set slurm-requeue: true in the profile; otherwise `retries` submits them again",
        )
    else:
        yield Verdict("ok", "requeue", "SLURM requeues the jobs of a lost or preempted node")


def check_status_command(settings: Mapping[str, str], profile: Profile) -> Verdict:
    """Snakemake has to use squeue: sacct needs a database, and shows the plugin no end of a cancelled job."""
    if profile.status_command == "squeue":
        return Verdict("ok", "status command", "Snakemake uses squeue")
    level = "FAILED" if settings["AccountingStorageType"] == "accounting_storage/none" else "warning"
    return Verdict(
        level,
        "status command",
        "Snakemake uses sacct, and would wait for ever for a cancelled job",
        "set slurm-status-command: squeue in the profile",
    )


def check_account(settings: Mapping[str, str], requests: Sequence[Request]) -> Verdict:
    """Whether jobs need an account."""
    without = [request.rule for request in requests if not request.resources.get("slurm_account")]
    if not without:
        return Verdict("ok", "account", "every rule has one")
    if "associations" in settings["AccountingStorageEnforce"]:
        return Verdict(
            "warning",
            "account",
            f"none for {', '.join(without)}: Snakemake takes that of your last job",
            "set slurm_account under default-resources (`sshare -U` lists yours)",
        )
    return Verdict("ok", "account", "none set, and this cluster requires none")


def check_partition(
    name: str, partitions: Mapping[str, Mapping[str, str]], requests: Sequence[Request], settings: Mapping[str, str]
) -> Iterator[Verdict]:
    """Whether a partition exists and is up, allows enough time, and requeues preempted jobs."""
    subject, found = f"partition {name}", partitions.get(name)
    if found is None:
        yield Verdict(
            "FAILED",
            subject,
            "no such partition",
            f"set slurm_partition under default-resources to one of {', '.join(partitions)}",
        )
        return
    if found["State"] != "UP":
        yield Verdict("FAILED", subject, f"it is {found['State']}", "choose another one, or wait until it is up")
    else:
        yield Verdict("ok", subject, f"up, {found['TotalNodes']} nodes")
    yield check_time_limit(name, found["MaxTime"], requests)
    yield check_preemption(name, found["PreemptMode"], settings)


def check_time_limit(name: str, limit: str, requests: Sequence[Request]) -> Verdict:
    """Whether every runtime fits into the partition's limit: a longer job would stay pending for ever."""
    subject, longest = f"{name}: time limit", max(requests, key=lambda request: request.resources.get("runtime") or 0)
    without = [request.rule for request in requests if not request.resources.get("runtime")]
    if without:
        return Verdict(
            "warning",
            subject,
            f"no runtime for {', '.join(without)}: the partition's default applies",
            "give every rule a runtime (minutes) under set-resources",
        )
    asked = longest.resources["runtime"]
    if asked > minutes(limit):
        return Verdict(
            "FAILED",
            subject,
            f"{longest.rule} requests {asked} min, the limit is {limit}",
            "lower its runtime, make its jobs smaller, or choose another partition",
        )
    return Verdict("ok", subject, f"{limit} covers the {asked} min of {longest.rule}")


def check_preemption(name: str, mode: str, settings: Mapping[str, str]) -> Verdict:
    """Whether preempted jobs are requeued: Snakemake never sees the end of one that is cancelled instead."""
    subject, kind = f"{name}: preemption", settings["PreemptType"]
    mode = settings["PreemptMode"] if kind == "preempt/qos" else mode
    if kind == "preempt/none":
        return Verdict("ok", subject, "this cluster preempts no jobs")
    if "CANCEL" in mode:
        return Verdict(
            "FAILED",
            subject,
            "preempted jobs are cancelled (PreemptMode=CANCEL), and Snakemake would wait for them for ever",
            "use a partition or QOS with PreemptMode=REQUEUE, or one that is never preempted",
        )
    if kind == "preempt/qos":
        return Verdict(
            "warning",
            subject,
            f"{mode} by default, but each QOS may have its own",
            "`sacctmgr show qos format=name,preemptmode`: yours must not be cancel",
        )
    return Verdict("ok", subject, f"PreemptMode={mode}")


def check_fit(requests: Sequence[Request], answer: str, offered: str) -> Verdict:
    """Whether SLURM can schedule jobs with this request, from the answer of `sbatch --test-only`."""
    first, subject = requests[0], ", ".join(request.rule for request in requests)
    asked = f"GPUs {first.gpus}, CPUs {first.threads}, {first.resources['mem_mb']} MB"
    asked += f", on {first.nodes} nodes" if first.nodes > 1 else ""
    if " to start at " in answer:
        return Verdict("ok", subject, f"SLURM can schedule {asked}")
    reason = answer.splitlines()[-1] if answer else "no answer"
    remedy = f"change set-resources of the rule; nodes have {offered or 'nothing'}"
    if "feature" in reason.lower():
        remedy = "set `constraint` to a feature of some node (`sinfo -o %f` lists them), or leave it out"
    return Verdict("FAILED", subject, f"SLURM cannot schedule {asked}: {reason}", remedy)


def check_gpus(requests: Sequence[Request], ranks: int) -> Iterator[Verdict]:
    """Whether stages that load a model get GPUs with as many CPUs, and the update one GPU for each rank."""
    without = [request.rule for request in requests if request.rule in GPU_RULES and not request.gpus]
    if without:
        yield Verdict(
            "warning",
            "GPUs",
            f"none for {', '.join(without)}",
            "list every rule under set-resources: a site's replaces all of that in profiles/slurm",
        )
    short = [request.rule for request in requests if request.threads * request.nodes < request.gpus]
    if short:
        yield Verdict(
            "warning", "CPUs", f"fewer CPUs than GPUs for {', '.join(short)}", "raise set-threads of the rule"
        )
    update = next(request for request in requests if request.rule == "update")
    if update.gpus and update.gpus != ranks:
        yield Verdict(
            "FAILED",
            "update",
            f"update.ranks is {ranks}, but its job gets {update.gpus} GPUs",
            "set update.ranks to the GPUs, or the GPUs of the rule update to the ranks",
        )
    if update.gpus and (update.resources.get("tasks") or 0) > 1 and update.resources.get("tasks_per_gpu") != 0:
        yield Verdict(
            "warning",
            "update",
            "the plugin multiplies its tasks, and so its CPUs, by the GPUs",
            "set tasks_per_gpu: 0 beside tasks",
        )


def check_durations(requests: Sequence[Request], config: Config) -> Iterator[Verdict]:
    """Whether runtimes cover what the section `expected_cost` projects for one job."""
    for request in requests:
        projected = job_minutes(config, base_stage(request.rule), request.gpus)
        runtime = request.resources.get("runtime")
        if projected and runtime and projected > runtime / 2:
            yield Verdict(
                "FAILED" if projected > runtime else "warning",
                f"{request.rule}: runtime",
                f"{projected:.0f} min are projected for one job, {runtime} min are requested",
                "raise its runtime to twice that, or make its jobs smaller",
            )
