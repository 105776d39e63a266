"""Which configuration keys decide what each stage computes: its recipe, and so what a change runs again."""

from typing import Any

from scope.config import Config
from scope.provenance import make_recipe

# Which keys decide what a stage computes: they and the code make its recipe, and nothing else reruns it.
STAGE_KEYS: dict[str, tuple[str, ...]] = {
    "tokenizer": ("models.tokenizer", "data.train"),
    "model": ("models.{model}", "data.puzzle"),
    "prompts": ("data.puzzle", "data.train", "data.template", "data.max_prompt_tokens", "data.overlong"),
    "problems": (
        "data.puzzle",
        "data.benchmarks.{benchmark}",
        "data.template",
        "data.max_prompt_tokens",
        "data.overlong",
    ),
    "check_teacher": ("teacher", "models.dtype", "rollout.engine"),
    "rollout": (
        "rollout",
        "logprob_temperature.student",
        "models.dtype",
        "data.max_prompt_tokens",
        "update.steps_per_round",
        "update.prompts_per_step",
        "objective.method",
    ),
    "verify": (),
    "score": (
        "teacher",
        "logprob_temperature",
        "rollout.temperature",
        "models.dtype",
        "objective.method",
        "objective.mode",
        "objective.kl_coefficient",
    ),
    "weigh": ("objective", "update.steps_per_round", "update.prompts_per_step"),
    "update": ("update", "logprob_temperature", "rollout.temperature", "models.dtype"),
    "evaluate": (
        "evaluation.engine",
        "evaluation.n",
        "evaluation.max_tokens",
        "evaluation.samplings",
        "evaluation.seed",
        "models.dtype",
        "data.max_prompt_tokens",
    ),
    "report": ("report", "evaluation.samplings", "experiment", "seeds", "rounds", "arms"),
}

# Keys that change what is planned or watched, never what a stage computes.
PLAN_KEYS = ("variants", "evaluation.every", "tracking")

# Stages whose script has another name.
STAGE_SCRIPTS = {"problems": "prompts"}


def recipe(config: Config, stage: str, **wildcards: str) -> str:
    """The single parameter of a stage's rule: its settings and the fingerprint of its code, as one line of JSON."""
    return make_recipe(STAGE_SCRIPTS.get(stage, stage), stage_settings(config, stage, **wildcards))


def stage_settings(config: Config, stage: str, **wildcards: str) -> dict[str, Any]:
    """The settings that decide what a stage computes, by dotted key, sorted."""
    dumped = config.model_dump(mode="json")
    keys = (key.format(**wildcards) for key in STAGE_KEYS[stage])
    return {key: _lookup(dumped, key) for key in sorted(keys)}


def _lookup(tree: Any, key: str) -> Any:
    for part in key.split("."):
        tree = tree.get(part) if tree else None
    return tree
