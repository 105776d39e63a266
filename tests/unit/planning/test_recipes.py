"""Which configuration keys decide the recipe of which stage: every key is changed once, and recipes are compared."""

import re
import types
import typing
from contextlib import suppress

import pytest

from conftest import ROOT
from scope.artifacts.stages import WITH_RECIPE
from scope.config.experiment import Config, arm_config, merge, read_config
from scope.config.types import Section
from scope.planning import data_recipes, recipes
from scope.planning.recipes import stage_settings
from scope.update.execution import Execution

WILDCARDS = {"model": "student", "benchmark": "held"}
TRAIN = {"path": "train.parquet", "where": {"source": "a"}, "between": {"day": ["a", "b"]}, "template": "{problem}"}
HUB_SOLVED = {"sft": {"rows": {"path": None, "hub": {"dataset": "a/d", "revision": "0" * 40, "files": "*.jsonl"}}}}
WORLDS = {
    "puzzle": {},
    "functions": {"data": {"puzzle": None, "functions": {}}, "models": {"tokenizer": {"kind": "bpe"}}},
    "word_problems": {"data": {"puzzle": None, "word_problems": {}}, "models": {"tokenizer": {"kind": "bpe"}}},
    "files": {"data": {"puzzle": None, "train": TRAIN, "benchmarks": {"held": {**TRAIN, "path": "held.parquet"}}}},
    "hub": {
        "data": {
            "puzzle": None,
            "train": {"hub": {"dataset": "a/b", "revision": "0" * 40, "files": "*.jsonl"}},
            "benchmarks": {"held": {"hub": {"dataset": "a/c", "revision": "0" * 40, "files": "*.jsonl"}}},
        },
        "models": {"student": HUB_SOLVED, "teacher": HUB_SOLVED},
    },
    "code": {
        "data": {
            "puzzle": None,
            "train": {"path": "train.parquet", "domain": "code", "tests": "taco"},
            "benchmarks": {"held": {"path": "held.parquet", "domain": "code", "tests": "taco"}},
        }
    },
}
SERVED = {"teacher": {"backend": "managed", "server": {"model": "served", "urls": [], "port": None}}}
STAGE_COST = {"wall_s": 1.0, "gpus": 1}
SOLVED = {"sft": {"rows": {"path": "solved.jsonl", "where": {"a": 1}, "between": {"b": ["1", "2"]}}}}
OPTIONAL = {
    "data": {"chat": {"system": "s", "thinking": True, "date": "2024-07-26"}},
    "expected_cost": dict.fromkeys(("rollout", "score", "update", "evaluate"), STAGE_COST),
    "gpu_memory_gb": 80.0,
    "grid": {"axes": {"tau": {"key": "objective.tau", "values": [1.0]}}},
    "models": {"teacher": SOLVED, "student": SOLVED},
    "update": {"lora": {"rank": 4}},
    "start": {"arm": "kd", "round": 1},
}
ARMS = ("scope", "opd", "grpo", "kd", "scope_full_kl", "scope_released")

ROUND = "rollout score update"
EVALUATED = "evaluate export report summary figure"
# Stages whose recipe a key decides, in any of the configurations above; the longest fitting key counts.
DECIDES = {
    "experiment": "report",
    "seeds": "report",
    "rounds": "report",
    "arms": "report figure",
    "data.puzzle": "tokenizer model prompts problems",
    "data.functions": "tokenizer model prompts problems",
    "data.word_problems": "tokenizer model prompts problems",
    "data.train": "tokenizer check_rows prompts",
    "data.train.hub.dataset": "tokenizer check_rows prompts report",
    "data.train.hub.revision": "tokenizer check_rows prompts report",
    "data.train.licence": "report",
    "data.benchmarks": "check_problems problems",
    "data.benchmarks.held.path": "check_rows check_problems problems",
    "data.benchmarks.held.hub": "check_rows check_problems problems",
    "data.benchmarks.held.hub.dataset": "check_rows check_problems problems report",
    "data.benchmarks.held.hub.revision": "check_rows check_problems problems report",
    "data.benchmarks.held.problem": "check_rows check_problems problems",
    "data.benchmarks.held.where": "check_rows check_problems problems",
    "data.benchmarks.held.between": "check_rows check_problems problems",
    "data.benchmarks.held.limit": "check_rows check_problems problems",
    "data.benchmarks.held.licence": "report",
    "data.template": "model prompts problems",
    "data.chat": "model prompts problems",
    "data.max_prompt_tokens": "prompts problems rollout evaluate",
    "data.on_issue.broken": "check_rows prompts",
    "data.on_issue.unverifiable": "check_rows prompts",
    "data.on_issue.contaminated": "check_rows prompts",
    "data.decontamination.benchmarks": "check_rows",
    "data.decontamination.ngram": "check_rows",
    "data": "prompts",
    "models.student": "model report",
    "models.student.sft.rows": "model",
    "models.student.sft.rows.path": "model report",
    "models.student.sft.rows.hub.dataset": "model report",
    "models.student.sft.rows.hub.revision": "model report",
    "models.tokenizer": "tokenizer",
    "models.dtype": f"check_teacher evaluate report {ROUND}",
    "rollout": "rollout",
    "rollout.engine": "rollout check_teacher",
    "rollout.temperature": ROUND,
    "logprob_temperature.student": ROUND,
    "logprob_temperature.teacher": "score update",
    "teacher": "check_teacher score",
    "objective": "weigh",
    "objective.method": "rollout score weigh",
    "objective.kl": "check_teacher weigh update",
    "update": "update",
    **dict.fromkeys(map("update.{}".format, Execution.model_fields), ""),
    "update.steps_per_round": "rollout weigh update",
    "update.prompts_per_step": "rollout weigh update",
    "evaluation": "evaluate",
    "evaluation.engine": "evaluate export",
    "evaluation.n": "evaluate export report",
    "evaluation.max_tokens": "evaluate export report",
    "evaluation.sampling": EVALUATED,
    "retention": "retire",
    "report": "report",
    "report.bootstrap": "report summary figure",
    # What is planned, watched or kept meanwhile; the teacher's recipe is the same as the student's.
    "variants": "",
    "grid": "",
    "models.teacher": "report",
    "models.teacher.sft.rows": "",
    "models.teacher.sft.rows.path": "report",
    "models.teacher.sft.rows.hub.dataset": "report",
    "models.teacher.sft.rows.hub.revision": "report",
    "teacher.server": "",
    "teacher.server.model": "check_teacher score",
    "teacher.managed": "",
    "evaluation.every": "",
    "start": "",
    "tracking": "",
    "expected_cost": "",
    "gpu_memory_gb": "",
    "checkpoint": "",
}


def expected(key):
    """The entry of the longest prefix of a key."""
    parts = key.split(".")
    prefixes = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((set(DECIDES[prefix].split()) for prefix in prefixes if prefix in DECIDES), None)


@pytest.fixture(autouse=True, scope="module")
def content_by_path():
    """Files that do not exist, whose content is another one wherever the path is."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(recipes, "model_folder", lambda config, name: getattr(config.models, name).path or "")
    monkeypatch.setattr(recipes, "model_content", lambda folder: folder or None)
    monkeypatch.setattr(data_recipes, "rows_content", lambda rows: [str(rows.path), str(rows.hub)])
    yield
    monkeypatch.undo()


def configurations():
    raw = merge(read_config(ROOT / "config/config.yaml", ROOT / "config/variants.yaml"), OPTIONAL)
    raw = merge(raw, {"rollout": {"temperature": 0.6}, "logprob_temperature": {"teacher": 1.0}})
    yield from (arm_config(raw, arm) for arm in ARMS)
    yield from (arm_config(merge(raw, world), "scope") for world in WORLDS.values())
    yield arm_config(merge(merge(raw, WORLDS["files"]), SERVED), "scope")
    model = {"models": {"student": {"random_init": None, "path": "folder"}}}
    yield arm_config(merge(raw, model), "scope")


def leaves(section, prefix=""):
    """Each leaf of a configuration: its dotted key, and the configuration with another value in its place."""
    for name, field in type(section).model_fields.items():
        value, key = getattr(section, name), f"{prefix}{name}"
        if not sections_in(field.annotation):
            yield key, section.model_copy(update={name: other(value, field.annotation)})
        elif isinstance(value, Section):
            yield from ((leaf, section.model_copy(update={name: new})) for leaf, new in leaves(value, f"{key}."))
        elif isinstance(value, dict):
            for part, below in value.items():
                for leaf, new in leaves(below, f"{key}.{part}."):
                    yield leaf, section.model_copy(update={name: {**value, part: new}})


def schema_leaves(section, prefix=""):
    """The dotted key of each leaf that a configuration may have, `*` for a name that the user gives."""
    for name, field in section.model_fields.items():
        below = sections_in(field.annotation)
        names = ".*" if below and "dict" in str(field.annotation) else ""
        yield from schema_leaves(below[0], f"{prefix}{name}{names}.") if below else [f"{prefix}{name}"]


def sections_in(annotation):
    """The sections that an annotation mentions."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [section for part in typing.get_args(annotation) for section in sections_in(part)]


def other(value, annotation):
    """Another value of the same type; validators are not asked."""
    choices = literals(annotation)
    if choices:
        beside_them = ["x"] if "list" in str(annotation) else 0.5
        return next((choice for choice in choices if choice != value), beside_them)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return f"{value}x"
    if isinstance(value, list):
        return [*value, value[0] if value else "x"]
    if isinstance(value, dict):
        return {**value, "x": next(iter(value.values()))} if value else value
    return filled(annotation)


def literals(annotation):
    if typing.get_origin(annotation) is typing.Literal:
        return typing.get_args(annotation)
    return [choice for part in typing.get_args(annotation) for choice in literals(part)]


def filled(annotation):
    """A value for a key that is null."""
    if annotation in (str, int, float):
        return annotation(7)
    if typing.get_origin(annotation) is list:
        return []
    parts = [part for part in typing.get_args(annotation) if part is not types.NoneType]
    return filled(parts[0])


def settings_of(config):
    return {stage: stage_settings(config, stage, **WILDCARDS) for stage in WITH_RECIPE}


@pytest.fixture(scope="module")
def decided():
    """Stages by the key that decides their recipe in at least one configuration."""
    found = {}
    for config in configurations():
        before = settings_of(config)
        for key, changed in leaves(config):
            with suppress(KeyError):  # of a method that has no such mode
                now = settings_of(changed)
                found.setdefault(key, set()).update(stage for stage in WITH_RECIPE if before[stage] != now[stage])
    return found


def test_every_key_decides_the_recipes_that_it_should(decided):
    wrong = {key: (stages, expected(key)) for key, stages in decided.items() if stages != expected(key)}
    assert not wrong, "\n".join(
        f"{key}: decides {stages}, expected {wanted}" for key, (stages, wanted) in wrong.items()
    )


def test_no_key_of_the_configuration_is_forgotten(decided):
    names = re.compile(r"(?<=benchmarks|n.sampling)\.(?:held|T1|T0\.6)\.")
    assert set(schema_leaves(Config)) == {names.sub(".*.", key.replace("axes.tau.", "axes.*.")) for key in decided}
