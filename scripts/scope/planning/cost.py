"""How many jobs an experiment has and how many GPU hours they take, worked out from its configuration alone.

Counted as if nothing were done yet. GPU hours are those for which jobs hold GPUs, by the section `expected_cost`;
waiting in queues, starts, repeated attempts, checks of the teacher and the making of models are not in them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from scope.artifacts.stages import STAGES, base_stage
from scope.config.experiment import Config
from scope.method.table import method_of
from scope.planning.disk import kept_rounds
from scope.planning.sharing import check_name, rollouts_name, scores_name, shared_rounds


def rounds_to_run(arms: Mapping[str, Config]) -> Iterator[tuple[str, Config, int]]:
    """Rounds of rollout, score and update: stage, settings, and their number for one seed; shared ones once."""
    configs = list(arms.values())
    scored = [config for config in configs if method_of(config.objective).scorer]
    sharing, scored_sharing = (list(filter(shared_rounds, some)) for some in (configs, scored))
    for config in {rollouts_name(config): config for config in sharing}.values():
        yield "rollout_shared", config, shared_rounds(config)
    for config in {(rollouts_name(config), scores_name(config)): config for config in scored_sharing}.values():
        yield "score_shared", config, shared_rounds(config)
    for config in configs:
        yield "rollout", config, config.rounds - shared_rounds(config)
        yield "update", config, config.rounds
    for config in scored:
        yield "score", config, config.rounds - shared_rounds(config)


def count_jobs(experiment: Config, arms: Mapping[str, Config]) -> dict[str, int]:
    """Jobs of each rule, in the order in which they first run; rules without a job are left out."""
    seeds, rounds, jobs = len(experiment.seeds), experiment.rounds, Counter()
    for stage, config, number in rounds_to_run(arms):
        jobs[stage] += seeds * number * (1 if stage == "update" else config.rollout.shards)
    graded = benchmarks(experiment)
    gradings = graded * len(experiment.evaluation.sampling) * experiment.evaluation.shards
    own, from_files = policies_graded(experiment, arms) * gradings, experiment.data.train is not None
    jobs |= {
        "tokenizer": int(experiment.models.makes_any),
        "model": 2,
        "check_rows": int(from_files),
        "check_problems": graded * from_files,
        "prompts": 1,
        "problems": graded,
        "check_teacher": checks(experiment, arms),
        "verify_shared": jobs["rollout_shared"],
        "verify": jobs["rollout"],
        "weigh": jobs["update"],
        "retire": len(arms) * seeds * (rounds - 1) if experiment.retention.drops else 0,
        "evaluate_shared": 2 * gradings,
        "grade_shared": 2 * gradings,
        "evaluate": own,
        "grade": own,
        "report": 1,
    }
    return {stage: jobs[stage] for stage in STAGES if jobs[stage]}


def benchmarks(experiment: Config) -> int:
    """Benchmarks that every graded policy is graded on; a generated world has one."""
    return len(experiment.data.benchmarks) or 1


def checks(experiment: Config, arms: Mapping[str, Config]) -> int:
    """Checks of the teacher: the experiment's, and one for each other setting of the teacher that an arm uses."""
    methods = ((config, method_of(config.objective)) for config in arms.values())
    asked = {check_name(config) for config, method in methods if "teacher" in (method.behaviour, method.scorer)}
    return len(asked | {check_name(experiment)})


def policies_graded(experiment: Config, arms: Mapping[str, Config]) -> int:
    """Policies of the arms that are graded; the base policy and the teacher come on top."""
    return len(arms) * len(experiment.seeds) * len(kept_rounds(experiment.evaluation.every, experiment.rounds))


def gpu_hours(experiment: Config, arms: Mapping[str, Config]) -> dict[str, float] | None:
    """GPU hours of each stage, or None where the configuration has no section `expected_cost`."""
    cost, hours = experiment.expected_cost, defaultdict[str, float](float)
    if cost is None:
        return None
    for stage, config, rounds in rounds_to_run(arms):
        of_step = getattr(cost, base_stage(stage))
        steps = len(experiment.seeds) * rounds * config.update.steps_per_round
        hours[base_stage(stage)] += steps * of_step.wall_s * of_step.gpus / 3600
    if cost.evaluate:
        gradings = (
            (policies_graded(experiment, arms) + 2) * benchmarks(experiment) * len(experiment.evaluation.sampling)
        )
        hours["evaluate"] = gradings * cost.evaluate.wall_s * cost.evaluate.gpus / 3600
    return dict(hours)


def job_minutes(config: Config, stage: str, gpus: int) -> float | None:
    """Minutes that one job of a stage takes on so many GPUs; None where the section `expected_cost` does not say."""
    of_stage = getattr(config.expected_cost, stage, None)
    if of_stage is None or not gpus:
        return None
    jobs = {"rollout": config.rollout.shards, "score": config.rollout.shards, "evaluate": config.evaluation.shards}
    steps = 1 if stage == "evaluate" else config.update.steps_per_round
    return steps * of_stage.wall_s * of_stage.gpus / (jobs.get(stage, 1) * gpus) / 60


def describe(jobs: Mapping[str, int], hours: Mapping[str, float] | None) -> list[str]:
    """The projection in two lines."""
    parts = ", ".join(f"{rule} {count:,}" for rule, count in jobs.items())
    lines = [f"jobs: {sum(jobs.values()):,} from the start to the report ({parts})"]
    if hours is None:
        return [*lines, "GPU hours: not projected (section `expected_cost`)"]
    parts = ", ".join(f"{stage} {readable_hours(number)}" for stage, number in hours.items())
    whole, without = readable_hours(sum(hours.values())), "" if "evaluate" in hours else "evaluation, "
    return [*lines, f"GPU hours: about {whole} ({parts}); not counted: {without}queues, starts, repeated attempts"]


def readable_hours(hours: float) -> str:
    """Hours as a text of two significant digits."""
    return f"{float(f'{hours:.2g}'):,.0f}" if hours >= 10 else f"{hours:.2g}"
