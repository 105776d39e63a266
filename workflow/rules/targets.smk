# Functions again: what is asked for, by the targets and by the pages.
import itertools

from scope.planning import cost
from scope.report.figure_names import NAMES as FIGURES
from scope.audit.explain import Job, causes


def each_round(pattern, rounds, arms):
    """A pattern for every arm and seed over rounds, the rounds ascending."""
    return [
        pattern.format(arm=arm, seed=seed, round=round_) for round_ in rounds for arm in arms for seed in CONFIG.seeds
    ]


def all_rounds():
    return range(1, CONFIG.rounds + 1)


def policies_in_order():
    return each_round(f"{ROUND}/policy/manifest.json", all_rounds(), CONFIG.arms)


def retired_rounds():
    """Records of every round but the last, where the retention policy deletes anything."""
    rounds = range(1, CONFIG.rounds) if CONFIG.retention.drops else []
    return each_round(f"{ROUND}/retired.json", rounds, CONFIG.arms)


def evaluated_rounds():
    """The last round, and every so many before it."""
    every = CONFIG.evaluation.every
    return sorted({CONFIG.rounds, *(range(every, CONFIG.rounds + 1, every) if every else ())})


def evaluations(arms):
    """Those of the base policy, of the teacher and of the arms."""
    shared = [path for policy in ("base", "teacher") for path in graded_in(GRADED_ONCE.format(policy=policy))]
    own = each_round(f"{ROUND}/evaluate", evaluated_rounds(), arms)
    return [*shared, *(path for folder in own for path in graded_in(folder))]


def last_rollouts(stage, arms):
    """The rollout or verify files of the last round, of every seed; none where the retention policy deleted them."""
    return [
        path
        for arm in arms
        for seed in CONFIG.seeds
        for path in rollout_files(arm, seed, CONFIG.rounds, stage)
        if Path(path).is_file() or not Path(f"{round_folder(arm, seed, CONFIG.rounds)}/retired.json").is_file()
    ]


def page_inputs(arms):
    """What a page on these arms is made from."""
    return {
        "evaluations": evaluations(arms),
        "metrics": each_round(f"{ROUND}/metrics.parquet", all_rounds(), arms),
        "batches": each_round(f"{ROUND}/batch.parquet", [CONFIG.rounds], arms),
        "rollouts": last_rollouts("rollout", arms),
        "verdicts": last_rollouts("verify", arms),
    }


def page_data():
    """Problems of the benchmarks, and what was wrong with any rows, for the page's data card."""
    problems = [f"{SHARED}/problems/{benchmark}.parquet" for benchmark in EVALUATED]
    kinds = [f"{SHARED}/prompts/train", *(path.removesuffix(".parquet") for path in problems)]
    return {"problems": problems, "faults": [f"{kind}.faults.parquet" for kind in kinds]}


def arm_page_inputs(wildcards):
    plan_for(wildcards.arm)
    return page_inputs([wildcards.arm])


def figure_inputs(wildcards):
    """Evaluations for figures of accuracy, step metrics for all others."""
    if wildcards.figure not in FIGURES:
        raise WorkflowError(f"no figure is named {wildcards.figure}; there are {', '.join(FIGURES)}")
    if wildcards.figure in ("accuracy", "pass_at_k"):
        return {"evaluations": evaluations(CONFIG.arms), "metrics": []}
    return {"evaluations": [], "metrics": each_round(f"{ROUND}/metrics.parquet", all_rounds(), CONFIG.arms)}


def report_templates():
    """The templates of the report, which the fingerprint of its script does not cover."""
    return sorted(str(path) for path in Path("scripts/scope/report/templates").iterdir())


def preflight_notices():
    """What to know before a run: odd settings, arms alike, and the jobs, GPU hours and room that it will take."""
    said = {}
    for arm, settings in ARMS.items():
        for line in advice(settings):
            said.setdefault(line, []).append(arm)
    odd = [f"Warning: {', '.join(arms)}: {line}" for line, arms in said.items()]
    alike = [f"Warning: {line}" for line in duplicate_arms({arm: plan_for(arm) for arm in CONFIG.arms})]
    disk = project(ARMS, {name: model_bytes(name) for name in MODEL_FOLDERS})
    free = free_bytes("results")
    room = describe(disk, free, bytes_below(RESULTS) if disk.peak > free else 0)
    work = cost.describe(
        cost.count_jobs(with_available_benchmarks(CONFIG), ARMS),
        cost.gpu_hours(with_available_benchmarks(CONFIG), ARMS),
    )
    return [*odd, *alike, *skipped(), *work, room, *about_to_go()]


def about_to_go():
    """A line on what lies there of earlier rounds and the retention policy will delete; none where nothing does."""
    keep = CONFIG.retention
    every = {"policy": keep.policies_every, "state": keep.states_every} if keep.drops else {}
    going = {kind: [] for kind in every}
    for arm, seed, round_ in itertools.product(CONFIG.arms, CONFIG.seeds, range(1, CONFIG.rounds)):
        folder = round_folder(arm, seed, round_)
        for kind in every:
            if (
                not keeps(every[kind], round_)
                and not settled(folder, arm)
                and is_there(f"{folder}/{kind}/manifest.json")
            ):
                going[kind].append(f"{folder}/{kind}")
    if not any(going.values()):
        return []
    counts = " and ".join(f"{len(folders)} x {kind}" for kind, folders in going.items() if folders)
    size = readable(sum(bytes_below(folder) for folders in going.values() for folder in folders))
    but = ", the best policy excepted" if keep.best and going["policy"] else ""
    return [f"retention: deletes what is there of earlier rounds: {counts}, {size}{but}"]


def settled(folder, arm):
    """Whether a round was gone through under the retention policy of now."""
    record = Path(f"{folder}/retired.json")
    return record.is_file() and json.loads(record.read_text())["recipe"] == json.loads(plan_for(arm).recipes["retire"])


def restored_to_be_used(dag):
    """Folders of restored policies that jobs of this plan take up, and that nobody asked for by name."""
    taken = {path for job in dag.needrun_jobs() for path in job.input if "/restored/" in path}
    return {Path(path).parent.parent for path in taken} - {Path(path).parent.parent for path in dag.targetfiles}


def code_changes(dag):
    """A line per rule that runs again because its code changed, with the modules."""
    changes = {}
    for job in dag.needrun_jobs():
        if dag.reason(job).params_changed and job.params.get("recipe"):
            planned = Job(job.rule.name, list(job.output), [], job.params.recipe, "")
            changes.setdefault(job.rule.name, set()).update(
                cause for cause in causes(planned, set()) if cause.startswith("code: ")
            )
    return [f"{rule} runs again, {'; '.join(sorted(found))}" for rule, found in changes.items() if found]
