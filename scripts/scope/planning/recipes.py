"""What decides what each stage computes: its recipe, and so what a change runs again."""

from collections.abc import Callable
from typing import Any

from scope.artifacts.recipe import make_recipe
from scope.config.experiment import Config
from scope.config.temperature import resolve_temperature
from scope.config.training import Objective
from scope.method.table import method_of

# Which keys decide what a stage computes: they and the code make its recipe, and nothing else reruns it.
STAGE_KEYS: dict[str, tuple[str, ...]] = {
    "tokenizer": ("models.tokenizer", "data.functions", "data.train"),
    "model": ("models.{model}", "data.puzzle", "data.functions"),
    "prompts": (
        "data.puzzle",
        "data.functions",
        "data.train",
        "data.template",
        "data.chat",
        "data.max_prompt_tokens",
        "data.overlong",
        "data.conflicting",
        "data.broken",
        "data.unverifiable",
        "data.contaminated",
        "data.ngram",
        "held_out",
    ),
    "problems": (
        "data.puzzle",
        "data.functions",
        "data.benchmarks.{benchmark}",
        "data.template",
        "data.chat",
        "data.max_prompt_tokens",
    ),
    "check_teacher": ("teacher", "models.dtype", "rollout.engine"),
    "rollout": (
        "rollout",
        "behaviour",
        "student_temperature",
        "models.dtype",
        "data.max_prompt_tokens",
        "prompts_per_round",
    ),
    "verify": (),
    "score": ("scorer", "models.dtype"),
    "weigh": ("objective", "update.steps_per_round", "update.prompts_per_step"),
    "update": ("update", "student_temperature", "teacher_temperature", "models.dtype"),
    "evaluate": (
        "evaluation.engine",
        "evaluation.n",
        "evaluation.max_tokens",
        "evaluation.samplings",
        "evaluation.shards",
        "evaluation.seed",
        "models.dtype",
        "data.max_prompt_tokens",
    ),
    "summary": ("report.bootstrap", "evaluation.samplings"),
    "export": ("evaluation.engine", "evaluation.n", "evaluation.max_tokens", "evaluation.samplings"),
    "retire": ("retention",),
    "restore": ("update", "student_temperature", "teacher_temperature", "models.dtype"),
    "report": (
        "report",
        "evaluation.samplings",
        "evaluation.n",
        "evaluation.max_tokens",
        "models.student.path",
        "experiment",
        "seeds",
        "rounds",
        "arms",
        "origins",
    ),
    "figure": ("report.bootstrap", "evaluation.samplings", "arms"),
}

# Settings that follow from several keys: arms that agree in them share their work, however they are written.
DERIVED: dict[str, Callable[[Config], Any]] = {
    "behaviour": lambda config: method_of(config.objective).behaviour,
    "prompts_per_round": lambda config: config.update.steps_per_round * config.update.prompts_per_step,
    "student_temperature": lambda config: temperature(config, "student"),
    "teacher_temperature": lambda config: temperature(config, "teacher") if exact_kl(config) else None,
    "scorer": lambda config: scorer(config),
    "held_out": lambda config: held_out(config),
    "origins": lambda config: origins(config),
    "teacher": lambda config: teacher(config),
    "objective": lambda config: resolve_objective(config.objective),
}

# Keys of `objective` that a method computes with only under a condition.
CONDITIONAL = {
    ("tau", "student_weight", "teacher_weight", "scale"): lambda method: method.weighting == "perplexity",
    ("kl", "opd_clip"): lambda method: "opd" in method.losses,
    ("pg_clip", "advantage_eps", "kl_coefficient"): lambda method: "pg" in method.losses,
    ("drop_incorrect",): lambda method: method.behaviour == "teacher",
}

# Keys of `objective` that stand for the method's own value where they are null.
LEFT_TO_METHOD = ("student_weight", "teacher_weight", "scale", "opd_clip")

# Keys that change what is planned, watched or kept meanwhile, never what a stage computes.
PLAN_KEYS = (
    "variants",
    "grid",
    "evaluation.every",
    "tracking",
    "cost",
    "resume",
    "teacher.server",
    "teacher.service",
)

# Keys of files of problems that only the page shows, by `origins`.
SHOWN = {"licence"}

# What decides which problems a file holds, and so what training problems are compared with.
PROBLEM_KEYS = {"path", "hub", "problem", "where", "between", "limit"}

# Stages whose script has another name.
STAGE_SCRIPTS = {"problems": "prompts", "restore": "update"}


def recipe(config: Config, stage: str, **wildcards: str) -> str:
    """The single parameter of a stage's rule: its settings and the fingerprint of its code, as one line of JSON."""
    return make_recipe(STAGE_SCRIPTS.get(stage, stage), stage_settings(config, stage, **wildcards))


def grading_recipe(config: Config, sampling: str) -> str:
    """The recipe of evaluations under one way of sampling, on which the others have no bearing."""
    only = {sampling: config.evaluation.samplings[sampling]}
    return recipe(
        config.model_copy(update={"evaluation": config.evaluation.model_copy(update={"samplings": only})}), "evaluate"
    )


def stage_settings(config: Config, stage: str, **wildcards: str) -> dict[str, Any]:
    """The settings that decide what a stage computes, by dotted key, sorted."""
    dumped = config.model_dump(mode="json", exclude={"data": {"train": SHOWN, "benchmarks": {"__all__": SHOWN}}})
    keys = (key.format(**wildcards) for key in STAGE_KEYS[stage])
    return {key: DERIVED[key](config) if key in DERIVED else _lookup(dumped, key) for key in sorted(keys)}


def temperature(config: Config, side: str) -> float:
    """The temperature of the student's or teacher's log-probabilities, as a number."""
    return resolve_temperature(getattr(config.logprob_temperature, side), config.rollout.temperature)


def exact_kl(config: Config) -> bool:
    """Whether the update computes the exact KL, and so needs the teacher itself."""
    return config.objective.kl == "full" and "opd" in method_of(config.objective).losses


def resolve_objective(objective: Objective) -> dict[str, Any]:
    """The section `objective` as the method computes with it, so that only a change of what it computes is one.

    What it leaves out is null, and what is left to it has the method's own value.
    """
    method = method_of(objective)
    idle = {key for keys, used in CONDITIONAL.items() if not used(method) for key in keys}
    section = objective.model_dump(mode="json")
    own = {key: getattr(method, key) for key in LEFT_TO_METHOD if section[key] is None}
    return {key: None if key in idle else value for key, value in {**section, **own}.items()}


def teacher(config: Config) -> dict[str, Any]:
    """What of the section `teacher` decides log-probabilities: how they are made, not where servers are."""
    section = config.teacher
    model = section.server and section.server.model
    return {"backend": section.backend, "model": model, "pack_tokens": section.pack_tokens}


def scorer(config: Config) -> dict[str, Any] | None:
    """Who scores which rollouts, how and at which temperature; GRPO's reference is a pass inside the job."""
    method = method_of(config.objective)
    if method.scorer is None:
        return None
    section = teacher(config)
    in_job = {"backend": "in_job", "model": None, "pack_tokens": section["pack_tokens"]}
    own = in_job if section["backend"] == "in_job" else {**section, "pack_tokens": None}
    teaches = method.scorer == "teacher"
    return {
        "model": method.scorer,
        "scored": method.scored,
        "temperature": temperature(config, "teacher" if teaches else "student"),
        "teacher": own if teaches else in_job,
    }


def held_out(config: Config) -> dict[str, Any]:
    """Where the problem texts of each benchmark are, for which training problems are looked through."""
    benchmarks, chosen = config.data.benchmarks, config.data.decontaminate
    names = benchmarks if chosen is None else [name for name in benchmarks if name in chosen]
    return {name: benchmarks[name].model_dump(mode="json", include=PROBLEM_KEYS) for name in names}


def origins(config: Config) -> dict[str, dict[str, str | None]]:
    """Dataset and licence of training and of each benchmark, as the page states them."""
    data = config.data
    sets = {"train": data.train, **data.benchmarks}
    return {name: {"dataset": rows.hub and f"{rows.hub.dataset} at {rows.hub.revision}", "licence": rows.licence}
            for name, rows in sets.items() if rows}  # fmt: skip


def _lookup(tree: Any, key: str) -> Any:
    for part in key.split("."):
        tree = tree.get(part) if tree else None
    return tree
