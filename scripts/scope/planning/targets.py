"""What is asked for: by the rule `all`, and by the reports and figures."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from scope.artifacts.layout import evaluation_file, issues_file, samples_file
from scope.artifacts.round_paths import Round
from scope.errors import InputError
from scope.planning.inputs import shards
from scope.planning.plan import CHECK, Plan
from scope.report.figure_names import NAMES as FIGURES

FROM_EVALUATIONS = ("accuracy", "pass_at_k")
"""Figures of accuracy; all others show step metrics."""


def each_round(plan: Plan, file: Callable[[Round], str], rounds: Iterable[int], arms: Sequence[str]) -> list[str]:
    """A file of every arm and seed over rounds, the rounds ascending."""
    return [
        file(plan.layout.round(arm, seed, round_)) for round_ in rounds for arm in arms for seed in plan.config.seeds
    ]


def policies(plan: Plan) -> list[str]:
    """Every policy, in the order in which they are made: a chain of hundreds would else be planned by recursion."""
    return each_round(plan, lambda place: place.policy, all_rounds(plan), plan.config.arms)


def all_rounds(plan: Plan) -> range:
    """From the first to the last."""
    return range(1, plan.config.rounds + 1)


def retired_rounds(plan: Plan) -> list[str]:
    """Records of every round but the last, where the retention policy deletes anything."""
    rounds = range(1, plan.config.rounds) if plan.config.retention.drops else []
    return each_round(plan, lambda place: place.retired, rounds, plan.config.arms)


def evaluated_rounds(plan: Plan) -> list[int]:
    """The last round, and every so many before it."""
    rounds, every = plan.config.rounds, plan.config.evaluation.every
    return sorted({rounds, *(range(every, rounds + 1, every) if every else ())})


def evaluations_in(
    plan: Plan, folder: str, samplings: Iterable[str] | None = None, file: Callable[..., str] = evaluation_file
) -> list[str]:
    """All evaluations of one policy, or their samples: every available benchmark, every sampling, every shard."""
    return [
        file(folder, benchmark, sampling, shard)
        for benchmark in plan.benchmarks.names
        for sampling in samplings or plan.config.evaluation.sampling
        for shard in range(plan.config.evaluation.shards)
    ]


def evaluations(plan: Plan, arms: Sequence[str]) -> list[str]:
    """Those of the base policy, of the teacher and of the arms."""
    folders = [plan.layout.shared.evaluations(policy) for policy in ("base", "teacher")]
    folders += each_round(plan, lambda place: place.evaluations, evaluated_rounds(plan), arms)
    return [path for folder in folders for path in evaluations_in(plan, folder)]


def last_rollouts(plan: Plan, stage: str, arms: Sequence[str]) -> list[str]:
    """The rollout or verify files of the last round, of every seed; none where the retention policy deleted them."""
    last = plan.config.rounds
    return [
        path
        for arm in arms
        for seed in plan.config.seeds
        for path in shards(plan, arm, seed, last, stage)
        if plan.files.exists(path) or not plan.files.exists(plan.layout.round(arm, seed, last).retired)
    ]


def report_inputs(plan: Plan, arms: Sequence[str]) -> dict[str, list[str]]:
    """What a report on these arms is made from."""
    return {
        "evaluations": evaluations(plan, arms),
        "metrics": metrics(plan, arms),
        "batches": each_round(plan, lambda place: place.batch, [plan.config.rounds], arms),
        "rollouts": last_rollouts(plan, "rollout", arms),
        "verdicts": last_rollouts(plan, "verify", arms),
    }


def metrics(plan: Plan, arms: Sequence[str]) -> list[str]:
    """The step metrics of every round."""
    return each_round(plan, lambda place: place.metrics, all_rounds(plan), arms)


def problems(plan: Plan) -> list[str]:
    """The problems of every available benchmark."""
    return [plan.layout.shared.problems(benchmark) for benchmark in plan.benchmarks.names]


def arm_report_inputs(plan: Plan, job: Any) -> dict[str, list[str]]:
    """What the report on one arm is made from. Raises InputError where there is no such arm."""
    plan.arm(job.arm)
    return report_inputs(plan, [job.arm])


def report_data(plan: Plan) -> dict[str, list[str]]:
    """What every report shows beside the arms: problems, issues in rows, models, checks; and its templates."""
    shared, asked = plan.layout.shared, problems(plan)
    return {
        "problems": asked,
        "issues": [issues_file(path) for path in (shared.prompts, *asked)],
        "prompts": [shared.prompts],
        "checks": [shared.check(CHECK)],
        "model": [shared.model("student")],
        "teacher": [shared.model("teacher")],
        "templates": plan.files.templates(),
    }


def summary_inputs(plan: Plan, job: Any) -> list[str]:
    """The evaluations of one policy."""
    return evaluations_in(plan, plan.layout.evaluated(job.evaluated).folder)


def export_inputs(plan: Plan, job: Any) -> dict[str, list[str]]:
    """The evaluations of one policy under one way of sampling, and the samples that they grade."""
    place = (plan, plan.layout.evaluated(job.evaluated).folder, [job.sampling])
    return {"evaluations": evaluations_in(*place), "samples": evaluations_in(*place, samples_file)}


def figure_inputs(plan: Plan, job: Any) -> dict[str, list[str]]:
    """Evaluations for figures of accuracy, step metrics for all others. Raises InputError for an unknown figure."""
    if job.figure not in FIGURES:
        raise InputError(f"no figure is named {job.figure}; there are {', '.join(FIGURES)}", "no-such-figure")
    shows_accuracy = job.figure in FROM_EVALUATIONS
    return {
        "evaluations": evaluations(plan, plan.config.arms) if shows_accuracy else [],
        "metrics": [] if shows_accuracy else metrics(plan, plan.config.arms),
    }
