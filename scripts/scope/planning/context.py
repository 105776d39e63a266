"""Whether a prompt with its response fits the context of each model that reads or writes it.

vLLM refuses a longer one when it starts; transformers computes on, at positions that the model was not trained on.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from scope.config.experiment import Config
from scope.errors import InputError
from scope.method.table import method_of
from scope.planning.content import model_folder
from scope.planning.derived import exact_kl
from scope.planning.plan import Plan

RANDOM_INIT = 4096
"""Positions of a randomly initialised model (scope/models/random_init.py, which planning does not import)."""
ALLOWED = "VLLM_ALLOW_LONG_MAX_MODEL_LEN"
KEYS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "max_target_positions",
        "max_sequence_length", "max_seq_length", "seq_len")  # fmt: skip
SCALED = ("su", "longrope", "llama3", "yarn", "deepseek_yarn", "deepseek_llama_scaling")
"""Kinds of RoPE whose factor the number of positions includes already."""


class Need(NamedTuple):
    """A number of tokens, the keys that add up to it, and which model reads or writes them with which engine."""

    model: str
    engine: str
    tokens: int
    keys: str


class Context(NamedTuple):
    """The longest sequence of a model, and how its config.json states it."""

    tokens: int
    stated: str


def check_rollout(plan: Plan, arm: Config) -> None:
    """Raise InputError where vLLM would refuse the rollouts of an arm."""
    _refuse(plan, _rollout(arm))


def check_evaluation(plan: Plan, model: str) -> None:
    """Raise InputError where vLLM would refuse the evaluations of a model."""
    _refuse(plan, _evaluation(plan.config, model))


def check_served(plan: Plan) -> None:
    """Raise InputError where vLLM would refuse to serve the teacher."""
    config, given = plan.config, plan.config.teacher.managed.max_model_len
    if config.teacher.backend == "managed":
        need = _round(config, "teacher", "vllm")
        longer = Need("teacher", "vllm", need.tokens + 1, f"{need.keys} + 1")
        _refuse(plan, Need("teacher", "vllm", given, "teacher.managed.max_model_len") if given else longer)


def long_contexts(plan: Plan) -> list[str]:
    """A line for each model that may go beyond its longest sequence under transformers, which refuses nothing."""
    lines = []
    for need in dict.fromkeys(need for need in _needs(plan) if need.engine == "transformers"):
        context = _context(plan, need.model)
        if context and need.tokens > context.tokens:
            lines.append(
                f"models.{need.model}: {need.keys} is {need.tokens} tokens, but the model takes {context.tokens} "
                f"({context.stated}); beyond that it was not trained, or fails"
            )
    return lines


def _refuse(plan: Plan, need: Need) -> None:
    context = _context(plan, need.model)
    allowed = os.environ.get(ALLOWED, "0").strip().lower() in ("1", "true")
    if need.engine == "vllm" and not allowed and context and need.tokens > context.tokens:
        raise InputError(
            f"models.{need.model}: {need.keys} is {need.tokens} tokens, but the model takes {context.tokens} "
            f"({context.stated}), and vLLM refuses more; lower one of these keys",
            "too-many-tokens",
        )


def _needs(plan: Plan) -> Iterator[Need]:
    """What all rounds and evaluations need; a score in the job and an update are passes of transformers."""
    for arm in plan.arms.values():
        method = method_of(arm.objective)
        yield _rollout(arm)
        yield _round(arm, "student", "transformers")
        if (method.scorer == "teacher" and arm.teacher.backend == "in_process") or exact_kl(arm):
            yield _round(arm, "teacher", "transformers")
    yield from (_evaluation(plan.config, model) for model in ("student", "teacher"))


def _rollout(arm: Config) -> Need:
    return _round(arm, method_of(arm.objective).behaviour, arm.rollout.engine)


def _round(arm: Config, model: str, engine: str) -> Need:
    tokens = arm.data.max_prompt_tokens + arm.rollout.max_tokens
    return Need(model, engine, tokens, "data.max_prompt_tokens + rollout.max_tokens")


def _evaluation(config: Config, model: str) -> Need:
    tokens = config.data.max_prompt_tokens + config.evaluation.max_tokens
    return Need(model, config.evaluation.engine, tokens, "data.max_prompt_tokens + evaluation.max_tokens")


def _context(plan: Plan, name: str) -> Context | None:
    """The longest sequence of a model; None where its config.json does not name it."""
    return plan.once(("context", name), lambda: _read_context(model_folder(plan.config, name)))


def _read_context(folder: str) -> Context | None:
    if not folder:
        return Context(RANDOM_INIT, "of every model with random_init")
    file = Path(folder) / "config.json"
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # the stage `model` refuses the folder
    return longest(settings, str(file)) if isinstance(settings, dict) else None


def longest(settings: Mapping[str, Any], file: str) -> Context | None:
    """The longest sequence that vLLM 0.32 derives from a config.json; None where it has no such key.

    `model_max_length` decides alone where it is given. A RoPE with a factor that the number of positions does not
    include multiplies it.
    """
    text = settings["text_config"] if isinstance(settings.get("text_config"), dict) else settings
    stated = {key: text[key] for key in KEYS if isinstance(text.get(key), int)}
    if isinstance(text.get("model_max_length"), int) and text["model_max_length"]:
        stated = {"model_max_length": text["model_max_length"]}
    if not stated:
        return None
    key = min(stated, key=lambda name: stated[name])
    factor = 1.0 if "gemma3" in str(text.get("model_type")) else _factor(text)
    scaled = f" x RoPE factor {factor:g}" if factor != 1 else ""
    return Context(int(stated[key] * factor), f"{key} {stated[key]}{scaled} in {file}")


def _factor(text: Mapping[str, Any]) -> float:
    """The factor of the last of the RoPE settings, one for each kind of layer where they are nested, that has one."""
    rope = text.get("rope_parameters") or text.get("rope_scaling") or {}
    factor = 1.0
    for one in rope.values() if rope and all(isinstance(value, dict) for value in rope.values()) else [rope]:
        if one.get("rope_type", one.get("type", "default")) not in SCALED:
            factor = one.get("factor", factor)
    return factor or 1.0
