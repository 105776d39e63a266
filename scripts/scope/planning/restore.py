"""What the deletion of a round's files waits for, and what a deleted policy is recomputed from.

Functions for rules take the plan and the job: an object with the wildcards of the rule as attributes.
"""

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from scope.artifacts.layout import samples_file
from scope.artifacts.place import parse
from scope.artifacts.round_paths import Round
from scope.errors import InputError
from scope.planning.inputs import Inputs, first_policy, models_of_update, round_of, shards
from scope.planning.plan import Plan
from scope.planning.retention import keeps
from scope.planning.targets import evaluated_rounds, evaluations_in


def retire_inputs(plan: Plan, job: Any) -> Inputs:
    """What has to be done before a round's files may go, and what decides which policy is the best."""
    round_ = int(job.round)
    return {
        "after": round_of(plan, job).other(round_ + 1).policy,
        "evaluations": evaluations_before_retiring(plan, job.arm, job.seed, round_),
    }


def evaluations_before_retiring(plan: Plan, arm: str, seed: int | str, round_: int) -> list[str]:
    """The evaluations that a policy has to wait for: its own, and where the best is kept those before it.

    A policy that is kept waits for none. A deleted one waited for those that its record names: later ones are made
    from a restored policy.
    """
    place, keep = plan.layout.round(arm, seed, round_), plan.config.retention
    if plan.files.exists(place.retired) and plan.files.deleted(place.policy):
        return [path for path in plan.files.record(place.retired)["inputs"] if _is_evaluation(path)]
    if keeps(keep.keep_policies_every, round_) and not keep.keep_best:
        return []
    rounds = [r for r in evaluated_rounds(plan) if (r <= round_ if keep.keep_best else r == round_)]
    return [path for r in rounds for path in evaluations_in(plan, place.other(r).evaluations)]


def _is_evaluation(path: str) -> bool:
    place = parse(path)
    return place is not None and place.kind == "grade"


def evaluated_policy(plan: Plan, job: Any) -> str:
    """A round's policy; where it was deleted and has to be evaluated now, the restored one."""
    place, round_ = round_of(plan, job), int(job.round)
    if not plan.files.deleted(place.policy) or trains_again(plan, job.arm, job.seed, round_):
        return place.policy
    samples = samples_file(place.evaluations, job.benchmark, job.sampling, job.shard)
    sampled = sampled_from(plan, samples, plan.grading_recipe(job.sampling))
    if sampled:
        _announced(plan).update(place.other(r).folder for r in range(1, round_ + 1))
    return sampled or place.restored.policy


def trains_again(plan: Plan, arm: str, seed: int | str, round_: int) -> bool:
    """Whether this plan makes a round's policy anew, by what rollouts, batches and policies record up to it."""
    rounds, start = range(1, round_ + 1), plan.arm(arm).config.start
    if start and trains_again(plan, start.arm, seed, start.round):
        return True
    return any(plan.once(("again", arm, seed, r), partial(_changed, plan, arm, seed, r)) for r in rounds)


def _changed(plan: Plan, arm: str, seed: int | str, round_: int) -> bool:
    """Whether a round's batch or policy, or rollouts and verdicts of round 1, would be made by other recipes now, or
    the arm starts from another policy."""
    place, recipes, files = plan.layout.round(arm, seed, round_), plan.arm(arm).recipes, plan.files
    rollouts = shards(plan, arm, seed, 1, "rollout") if round_ == 1 else []
    if not files.exists(place.batch) or not files.provenance(place.batch)["inputs"].keys() >= set(rollouts):
        return True
    if round_ == 1 and first_policy(plan, arm, seed) not in files.provenance(place.policy)["inputs"]:
        return True
    verdicts = shards(plan, arm, seed, 1, "verify") if round_ == 1 else []
    made = {
        "weigh": [place.batch],
        "update": [place.policy],
        "rollout": filter(files.exists, rollouts),
        "verify": filter(files.exists, verdicts),
    }
    return any(
        files.provenance(path)["recipe"] != json.loads(recipes[stage])
        for stage, paths in made.items()
        for path in paths
    )


def sampled_from(plan: Plan, samples: str, recipe: str) -> str | None:
    """The policy that samples were taken from, where they exist, by this recipe, and their inputs are unchanged."""
    if not plan.files.exists(samples):
        return None
    made = plan.files.provenance(samples)
    changed = (plan.files.digest(path) not in (None, digest) for path, digest in made["inputs"].items())
    if made["recipe"] != json.loads(recipe) or any(changed):
        return None
    return next(path for path in made["inputs"] if (place := parse(path)) and place.kind == "policy")


def restart_round(place: Round, round_: int, plan: Plan) -> int:
    """The nearest round before `round_` whose policy and state both exist; 0 is what the arm starts from."""
    for earlier in range(round_ - 1, 0, -1):
        if all(map(plan.files.complete, (place.other(earlier).policy, place.other(earlier).state))):
            return earlier
    return 0


def restore_inputs(plan: Plan, job: Any) -> Inputs:
    """Policy and state that a deleted round is recomputed from: those of the round before, restored if need be."""
    place, round_ = round_of(plan, job), int(job.round)
    if not plan.files.deleted(place.policy):
        raise InputError(
            f"{place.policy}: nothing was deleted here, so nothing is restored; ask for this file", "nothing-to-restore"
        )
    start = restart_round(place, round_, plan)
    announce(plan, job.arm, place, range(start + 1, round_ + 1))
    models = models_of_update(plan, job)
    if round_ == 1:
        return {"policy": first_policy(plan, job.arm, job.seed), "state": [], **models}
    before = place.other(round_ - 1)
    before = before if start == round_ - 1 else before.restored
    return {"policy": before.policy, "state": before.state, **models}


def restored_to_be_used(dag: Any) -> set[Path]:
    """Folders of restored policies that jobs of Snakemake's plan use, and that nobody asked for by name."""
    used = {path for job in dag.needrun_jobs() for path in job.input if (place := parse(path)) and place.restored}
    return {Path(path).parent.parent for path in used} - {Path(path).parent.parent for path in dag.targetfiles}


def announce(plan: Plan, arm: str, place: Round, rounds: range) -> None:
    """Say once, before anything starts, which deleted policies will be recomputed, and at which cost."""
    needed = [r for r in rounds if not plan.files.complete(place.other(r).restored.policy)]
    if not needed or (last := place.other(needed[-1])).folder in _announced(plan):
        return
    _announced(plan).update(place.other(r).folder for r in rounds)
    seconds = update_seconds(plan.files.matching(place.other("*").timing("update")))
    cost = f", about {len(needed) * seconds:.0f} s" if seconds else ""
    started = plan.arm(arm).config.start
    first = f"round {started.round} of {started.arm}" if started else "the base policy"
    origin = f"round {needed[0] - 1}" if needed[0] > 1 else first
    plan.say(
        f"{Path(last.policy).parent} was deleted by the retention policy; to recompute it, {len(needed)} "
        f"update(s) from {origin} on are repeated{cost}"
    )


def _announced(plan: Plan) -> set[str]:
    return plan.once("announced", set)


def update_seconds(timings: Iterable[Path]) -> float | None:
    """Median job seconds of updates, from the benchmark files that the workflow engine wrote; None without any."""
    seconds = []
    for file in timings:
        header, first, *_ = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()]
        seconds.append(float(dict(zip(header, first, strict=True))["s"]))
    return sorted(seconds)[len(seconds) // 2] if seconds else None
