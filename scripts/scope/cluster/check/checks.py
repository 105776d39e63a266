"""Checks of what SLURM says of itself against what the profiles ask for: facts in, verdicts out."""

from collections.abc import Iterator, Mapping

from scope.artifacts.stages import base_stage
from scope.cluster.check.types import GPU_RULES, Profile, Request, Verdict
from scope.config.experiment import Config
from scope.planning.cost import job_minutes
from scope.slurm.parse import minutes, seconds


def check_controller(settings: Mapping[str, str], profile: Profile) -> Iterator[Verdict]:
    """Whether Snakemake will learn how its jobs ended."""
    yield check_status_command(settings, profile)
    age, init = seconds(settings["MinJobAge"]), profile.init_seconds
    if age < 3 * init:
        yield Verdict("FAILED", "MinJobAge", f"SLURM forgets jobs after {age} s, so Snakemake would ask sacct instead",
                      f"set slurm-init-seconds-before-status-checks to {age // 3} or less (it is {init})")  # fmt: skip
    else:
        yield Verdict("ok", "MinJobAge", f"SLURM remembers jobs for {age} s, at least 3 x {init} s")
    if settings["JobRequeue"] == "0" and not profile.requeue:
        yield Verdict("warning", "requeue", "SLURM does not requeue the jobs of a lost node (JobRequeue=0)",
                      "set slurm-requeue: true in the profile; `retries` submits them again otherwise")  # fmt: skip
    else:
        yield Verdict("ok", "requeue", "SLURM requeues the jobs of a lost or preempted node")


def check_status_command(settings: Mapping[str, str], profile: Profile) -> Verdict:
    """Snakemake has to ask squeue: sacct needs a database, and of a cancelled job the plugin never hears."""
    if profile.status_command == "squeue":
        return Verdict("ok", "status command", "Snakemake asks squeue")
    level = "FAILED" if settings["AccountingStorageType"] == "accounting_storage/none" else "warning"
    return Verdict(level, "status command", "Snakemake asks sacct, and would wait for ever for a job that is cancelled",
                   "set slurm-status-command: squeue in the profile")  # fmt: skip


def check_account(settings: Mapping[str, str], requests: list[Request]) -> Verdict:
    """Whether an account has to be named."""
    without = [request.rule for request in requests if not request.resources.get("slurm_account")]
    if not without:
        return Verdict("ok", "account", "every rule names one")
    if "associations" in settings["AccountingStorageEnforce"]:
        return Verdict("warning", "account", f"none for {', '.join(without)}: that of your last job is taken",
                       "set slurm_account under default-resources (`sshare -U` lists yours)")  # fmt: skip
    return Verdict("ok", "account", "none given, and this cluster asks for none")


def check_partition(name: str, partitions: Mapping[str, Mapping[str, str]], requests: list[Request],
                    settings: Mapping[str, str]) -> Iterator[Verdict]:  # fmt: skip
    """Whether a partition is there and up, gives enough time, and lets preempted jobs come back."""
    subject, facts = f"partition {name}", partitions.get(name)
    if facts is None:
        yield Verdict("FAILED", subject, "there is no such partition",
                      f"set slurm_partition under default-resources to one of {', '.join(partitions)}")  # fmt: skip
        return
    if facts["State"] != "UP":
        yield Verdict("FAILED", subject, f"it is {facts['State']}", "choose another one, or wait until it is up")
    else:
        yield Verdict("ok", subject, f"up, {facts['TotalNodes']} nodes")
    yield check_time_limit(name, facts["MaxTime"], requests)
    yield check_preemption(name, facts["PreemptMode"], settings)


def check_time_limit(name: str, limit: str, requests: list[Request]) -> Verdict:
    """Every job's time has to fit into the partition's limit: SLURM would keep a longer one waiting for ever."""
    subject, longest = f"{name}: time limit", max(requests, key=lambda request: request.resources.get("runtime") or 0)
    without = [request.rule for request in requests if not request.resources.get("runtime")]
    if without:
        return Verdict("warning", subject, f"no runtime for {', '.join(without)}: the partition's default is taken",
                       "give every rule a runtime (minutes) under set-resources")  # fmt: skip
    asked = longest.resources["runtime"]
    if asked > minutes(limit):
        return Verdict("FAILED", subject, f"{longest.rule} asks for {asked} min, the limit is {limit}",
                       "lower its runtime, make its jobs smaller, or take another partition")  # fmt: skip
    return Verdict("ok", subject, f"{limit} covers the {asked} min of {longest.rule}")


def check_preemption(name: str, mode: str, settings: Mapping[str, str]) -> Verdict:
    """A preempted job has to come back to the queue: of one that is cancelled Snakemake never hears again."""
    subject, kind = f"{name}: preemption", settings["PreemptType"]
    mode = settings["PreemptMode"] if kind == "preempt/qos" else mode
    if kind == "preempt/none":
        return Verdict("ok", subject, "this cluster preempts no job")
    if "CANCEL" in mode:
        return Verdict("FAILED", subject, "preempted jobs are cancelled (PreemptMode=CANCEL), and Snakemake would wait "
                       "for them for ever", "ask for a partition or QOS with PreemptMode=REQUEUE, or one that is never "
                       "preempted")  # fmt: skip
    if kind == "preempt/qos":
        return Verdict("warning", subject, f"{mode} by default, but each QOS may say otherwise",
                       "`sacctmgr show qos format=name,preemptmode`: yours must not say cancel")  # fmt: skip
    return Verdict("ok", subject, f"PreemptMode={mode}")


def check_fit(requests: list[Request], answer: str, offered: str) -> Verdict:
    """Whether some node could run the jobs of rules with equal requests, by what `sbatch --test-only` answers."""
    first, subject = requests[0], ", ".join(request.rule for request in requests)
    asked = f"GPUs {first.gpus}, CPUs {first.threads}, {first.resources['mem_mb']} MB"
    asked += f", on {first.nodes} nodes" if first.nodes > 1 else ""
    if " to start at " in answer:
        return Verdict("ok", subject, f"SLURM can place {asked}")
    reason = answer.splitlines()[-1] if answer else "no answer"
    remedy = f"change set-resources of the rule; nodes have {offered or 'nothing'}"
    if "feature" in reason.lower():
        remedy = "set `constraint` to a feature of some node, as `sinfo -o %f` lists them, or leave it out"
    return Verdict("FAILED", subject, f"SLURM cannot place {asked}: {reason}", remedy)


def check_gpus(requests: list[Request], ranks: int) -> Iterator[Verdict]:
    """Whether stages that hold a model get GPUs and CPUs to feed them, and the update one GPU for each rank."""
    bare = [request.rule for request in requests if request.rule in GPU_RULES and not request.gpus]
    if bare:
        yield Verdict("warning", "GPUs", f"none for {', '.join(bare)}", "name every rule under set-resources: a site's "
                      "replaces that of profiles/slurm whole")  # fmt: skip
    hungry = [request.rule for request in requests if request.threads * request.nodes < request.gpus]
    if hungry:
        yield Verdict(
            "warning", "CPUs", f"fewer CPUs than GPUs for {', '.join(hungry)}", "raise set-threads of the rule"
        )
    update = next(request for request in requests if request.rule == "update")
    if update.gpus and update.gpus != ranks:
        yield Verdict("FAILED", "update", f"update.ranks is {ranks}, but its job gets {update.gpus} GPUs",
                      "set update.ranks to the GPUs, or the GPUs of the rule update to the ranks")  # fmt: skip
    if update.gpus and (update.resources.get("tasks") or 0) > 1 and update.resources.get("tasks_per_gpu") != 0:
        yield Verdict("warning", "update", "the plugin multiplies its tasks, and so its CPUs, by the GPUs",
                      "set tasks_per_gpu: 0 beside tasks")  # fmt: skip


def check_durations(requests: list[Request], config: Config) -> Iterator[Verdict]:
    """Whether jobs get the time that the section `cost` projects for them."""
    for request in requests:
        projected = job_minutes(config, base_stage(request.rule), request.gpus)
        runtime = request.resources.get("runtime")
        if projected and runtime and projected > runtime / 2:
            yield Verdict("FAILED" if projected > runtime else "warning", f"{request.rule}: runtime",
                          f"{projected:.0f} min are projected for one job, {runtime} min are asked for",
                          "raise its runtime to twice that, or make its jobs smaller")  # fmt: skip
