"""What a user reads before a run: odd settings, jobs, GPU hours, disk space, deletions, and changed code."""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from scope.artifacts.recipe_files import planned_recipe
from scope.artifacts.weight_headers import Weights
from scope.audit.explain import Job, causes
from scope.config.experiment import advice
from scope.planning import cost
from scope.planning.arm import duplicate_arms
from scope.planning.context import long_contexts
from scope.planning.disk import describe, free_bytes, project, readable
from scope.planning.memory_needs import memory_lines
from scope.planning.plan import Plan
from scope.planning.retention import keeps
from scope.planning.targets import all_rounds, metrics
from scope.planning.untrained_settings import untrained_settings


def preflight_notices(plan: Plan, weights: Mapping[str, Weights | None], *, whole: bool = True) -> list[str]:
    """What to know before a run: odd settings, equal arms, and the jobs, GPU hours and disk space that it takes.

    These are of the experiment as a `whole`: a run of a single target has Snakemake's own count of jobs.
    """
    warned = [*duplicate_arms({arm: plan.arm(arm) for arm in plan.config.arms}), *long_contexts(plan)]
    warnings = [*odd_settings(plan), *(f"Warning: {line}" for line in warned), *skipped(plan), *renamed_folder(plan)]
    if not whole:
        return [*warnings, *to_be_deleted(plan)]
    disk = project(plan.arms, weights)
    free = free_bytes(plan.layout.root)
    space = describe(disk, free, plan.files.size(plan.layout.root) if disk.peak > free else 0)
    jobs, hours = cost.count_jobs(plan.available, plan.arms), cost.gpu_hours(plan.available, plan.arms)
    whole_line = whole_experiment(plan, sum(jobs.values()), hours, disk.end)
    return [*warnings, whole_line, *cost.describe(jobs, hours), *memory_lines(plan), space, *to_be_deleted(plan)]


def whole_experiment(plan: Plan, jobs: int, hours: Mapping[str, float] | None, size: int) -> str:
    """What all of it takes, finished work included, and how many updates exist: Snakemake counts the jobs of a run."""
    updates = metrics(plan, plan.config.arms)
    made = sum(map(plan.files.exists, updates))
    time = "" if hours is None else f", about {cost.readable_hours(sum(hours.values()))} GPU hours"
    return (
        f"whole experiment: {jobs:,} jobs{time}, {readable(size)} of disk at the end; "
        f"{made:,} of {len(updates):,} updates exist; below, Snakemake counts the jobs that still have to run"
    )


def odd_settings(plan: Plan) -> list[str]:
    """A line for every setting that is allowed but seldom meant, with the arms that have it."""
    arms: dict[str, list[str]] = {}
    for arm, config in plan.arms.items():
        for line in [*advice(config), *untrained_settings(config)]:
            arms.setdefault(line, []).append(arm)
    return [f"Warning: {', '.join(names)}: {line}" for line, names in arms.items()]


def renamed_folder(plan: Plan) -> list[str]:
    """A line where the folder of results was renamed: artifacts record what they were made from by its path."""
    prompts, student = plan.layout.shared.prompts, plan.layout.shared.model("student")
    if not plan.files.exists(prompts):
        return []
    tail = student.removeprefix(plan.layout.root)
    roots = {path.removesuffix(tail) for path in plan.files.provenance(prompts)["inputs"] if path.endswith(tail)}
    return [
        f"Warning: {plan.layout.root} was made as {root}, and its artifacts record paths there, which verify-results "
        f"does not find; rename it back, write `experiment: {Path(root).name}`, and set report.title for another name"
        for root in sorted(roots - {plan.layout.root})
    ]


def skipped(plan: Plan) -> list[str]:
    """A line for every benchmark without its file, and how to supply it."""
    return [
        f"Warning: benchmark {name} is skipped: {why} (its columns are under data.benchmarks.{name}); then the same "
        "command evaluates every policy on it"
        for name, why in sorted(plan.benchmarks.skipped.items())
    ]


def to_be_deleted(plan: Plan) -> list[str]:
    """A line on what exists of earlier rounds and the retention policy will delete; none where nothing does."""
    keep = plan.config.retention
    if not keep.drops:
        return []
    going: dict[str, list[str]] = {"policy": [], "state": []}
    for arm, seed, round_ in itertools.product(plan.config.arms, plan.config.seeds, list(all_rounds(plan))[:-1]):
        place = plan.layout.round(arm, seed, round_)
        for kind, every, manifest in (
            ("policy", keep.keep_policies_every, place.policy),
            ("state", keep.keep_states_every, place.state),
        ):
            if not keeps(every, round_) and not _settled(plan, arm, place.retired) and plan.files.complete(manifest):
                going[kind].append(f"{place.folder}/{kind}")
    if not any(going.values()):
        return []
    counts = " and ".join(f"{len(folders)} x {kind}" for kind, folders in going.items() if folders)
    size = readable(sum(plan.files.size(folder) for folders in going.values() for folder in folders))
    but = ", except the best policy" if keep.keep_best and going["policy"] else ""
    return [f"retention: deletes from earlier rounds: {counts}, {size}{but}"]


def _settled(plan: Plan, arm: str, record: str) -> bool:
    """Whether a round's files were deleted or kept under the present retention policy."""
    return plan.files.exists(record) and plan.files.record(record)["recipe"] == json.loads(
        plan.arm(arm).recipes["retire"]
    )


def jobs_with_other_recipes(dag: Any) -> Iterator[Job]:
    """The jobs of Snakemake's plan that run again because their recipe is another one."""
    for job in dag.needrun_jobs():
        digest = job.params.get("recipe")
        if digest and dag.reason(job).params_changed:
            yield Job(job.rule.name, list(job.output), [], planned_recipe(digest), "")


def code_changes(jobs: Iterable[Job]) -> list[str]:
    """A line per rule that runs again because its code changed, with the modules."""
    changes: dict[str, set[str]] = {}
    for job in jobs:
        found = changes.setdefault(job.rule, set())
        found.update(cause for cause in causes(job, set()) if cause.startswith("code: "))
    return [f"{rule} runs again, {'; '.join(sorted(found))}" for rule, found in changes.items() if found]
