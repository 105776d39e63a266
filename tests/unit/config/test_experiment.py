"""The configuration at the door: what it accepts, what it says to bad input, and its schema."""

import json
import math
import re

import pytest

from conftest import ROOT
from refusals import refused
from scope.artifacts.stages import WITH_RECIPE
from scope.config.experiment import (
    ARM_SECTIONS,
    Config,
    advice,
    arm_config,
    expand_path,
    merge,
    parse_config,
    read_config,
    schema,
)
from scope.config.types import Section
from scope.config.validate import validate
from scope.config.wording import PATTERNS
from scope.errors import InputError
from scope.planning.recipes import recipe, stage_settings
from scope.score.from_config import connection_of

SERVER = {"urls": ["http://127.0.0.1:1"], "model": "t"}


@pytest.fixture
def raw():
    return read_config(ROOT / "config/config.yaml", ROOT / "config/variants.yaml")


def with_key(raw, dotted, value):
    override = value
    for part in reversed(dotted.split(".")):
        override = {part: override}
    return merge(raw, override)


@pytest.mark.parametrize(
    "name",
    [
        "config/config.yaml",
        "config/code_demo.yaml",
        "config/real_smoke.yaml",
        "config/smollm.yaml",
        "config/benchmarks.yaml",
        "tests/configs/smallest.yaml",
    ],
)
def test_shipped_configurations_are_valid(name):
    config = read_config(ROOT / name, ROOT / "config/variants.yaml")
    parse_config(config)


def test_every_variant_is_valid_on_the_demo(raw):
    for variant in raw["variants"]:
        arm_config(raw, variant)


@pytest.mark.parametrize(
    ("key", "value", "names"),
    [
        ("rollout.tempo", 1, ["`rollout.tempo`", "engine, n, temperature"]),
        ("rounds", "six", ["`rounds` is 'six'; write a whole number"]),
        ("rounds", 0, ["`rounds` is 0; write 1 or more"]),
        ("rounds", "6", ["`rounds` is '6'; write a whole number, without quotes"]),
        ("rollout", None, ["`rollout` is empty (null); write a mapping of keys and values"]),
        ("models.student.random_init", {"hidden_size": None}, ["`models.student.random_init.hidden_size`", "whole"]),
        ("retention.keep_best", "maybe", ["`retention.keep_best` is 'maybe'; write true or false"]),
        ("report.title", 2024, ['`report.title` is 2024; write text, in quotes: "2024"']),
        ("evaluation.sampling", {"a b": {}}, ["a name in `evaluation.sampling` is 'a b'; write letters"]),
        ("data", {"puzzle": None, "train": {}}, ["`data.train`", "give exactly one of `path`"]),
        ("data.benchmarks", {"x": {"hub": {"dataset": "o/n"}}}, ["`data.benchmarks.x.hub.files` is missing; add it"]),
        ("seeds", [0, 0], ["`seeds`: 0"]),
        ("seeds", [-1], ["`seeds.0` is -1; write 0 or more"]),
        ("arms", ["scope", "scope"], ["`arms`: scope"]),
        ("update.learning_rate", "fast", ["`update.learning_rate`", "number", "'fast'"]),
        ("update.learning_rate", float("nan"), ["`update.learning_rate`"]),
        ("objective.method", "ppo", ["`objective.method`", "'scope', 'opd', 'grpo' or 'kd'"]),
        ("objective.tau", 0, ["`objective.tau` is 0; write a number above 0"]),
        ("models.student.path", "/somewhere", ["`models.student`", "`path`"]),
        ("data.train", {"path": "x.parquet"}, ["`data`", "`puzzle`, `functions`, `word_problems` and `train`"]),
        ("teacher.backend", "external", ["`teacher`", "`server`", "`model`"]),
        ("teacher.server", {"model": "t"}, ["`teacher`", "`server`", "`backend: external`"]),
        ("teacher", {"backend": "external", "server": {"model": "t"}}, ["`server.urls`", "`server.addresses`"]),
        ("teacher", {"backend": "managed", "server": SERVER}, ["`backend: external`", "replicas"]),
        (
            "teacher",
            {"backend": "external", "server": {**SERVER, "port": 1}},
            ["`urls`", "`addresses` and `port`"],
        ),
        ("teacher.managed.arguments", ["--api-key=x"], ["`arguments`", "--api-key=x"]),
        ("teacher.managed.arguments", ["--kv_cache_dtype", "fp8"], ["--kv_cache_dtype"]),
        ("update.total_steps", None, ["`schedule: linear`", "`total_steps`"]),
        ("update.deepspeed", {"train_batch_size": 8}, ["train_batch_size"]),
        ("logprob_temperature.student", 0.5, ["logprob_temperature.student is 0.5"]),
        ("experiment", "../up", ["`experiment`"]),
        ("data.puzzle.prompts", 100, ["data.puzzle.prompts"]),
        ("data.puzzle.spend", [6], ["`spend`", "`digits`"]),
        ("data.puzzle", {"digits": 2, "spend": [1], "problems": 64}, ["`prompts` and `problems`", "162", "`digits`"]),
        ("data", {"puzzle": None, "functions": {"prompts": 100}}, ["data.functions.prompts is 100", "takes 320"]),
        ("data", {"puzzle": None, "functions": {}}, ["`characters`", "`bpe`"]),
    ],
)
def test_bad_keys_say_what_to_write(raw, key, value, names):
    with refused("invalid-configuration", *names):
        parse_config(with_key(raw, key, value))


def test_every_wrong_value_of_every_key_is_explained_in_plain_words(raw):
    """No sentence is pydantic's own."""
    values = [None, "x y", -1, 1.5, math.inf, True, [], [[]], {}, {"a b": 1}]
    lines = set()
    for key in keys_of(Config):
        for value in values:
            try:
                validate(Config, with_key(raw, key, value), [])
            except InputError as error:
                lines.update(str(error).splitlines())
    own = re.compile("Input should|should (have|match)|[Vv]alid |[Rr]equired|not permitted")
    assert len(lines) > 1000
    assert [line for line in lines if own.search(line)] == []


def keys_of(section, above=""):
    """The dotted keys of a section, and of the sections in it."""
    for name, field in section.model_fields.items():
        yield above + name
        for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(kind, type) and issubclass(kind, Section):
                yield from keys_of(kind, f"{above}{name}.")


def test_every_pattern_of_text_has_words():
    assert set(patterns_in(schema())) == set(PATTERNS)


def patterns_in(node):
    """The patterns of a JSON schema: of values, and of names."""
    for key, inner in node.items() if isinstance(node, dict) else enumerate(node):
        if key == "pattern":
            yield inner
        elif key == "patternProperties":
            yield from inner
        if isinstance(inner, dict | list):
            yield from patterns_in(inner)


def test_an_arm_that_no_variant_defines_is_refused_with_the_known_ones(raw):
    with refused("no-such-arm", "'scop'", "grpo, kd, opd, scope"):
        parse_config(with_key(raw, "arms", ["scop"]))


def test_all_errors_are_reported_at_once(raw):
    bad = with_key(with_key(raw, "rollout.tempo", 1), "updat", {})
    with refused("invalid-configuration", "`rollout.tempo`", "`updat`"):
        parse_config(bad)


def test_a_server_scores_at_temperature_one_only(raw):
    served = merge(raw, {"teacher": {"backend": "external", "server": SERVER}})
    parse_config(served)
    cooler = with_key(served, "rollout.temperature", 0.6)
    with refused("invalid-configuration", "`teacher: 1.0`"):
        parse_config(cooler)
    parse_config(with_key(cooler, "logprob_temperature.teacher", 1.0))


def test_a_pool_is_given_by_urls_or_by_addresses_with_one_port(raw):
    hosts = {"model": "t", "addresses": ["10.0.0.5", "node7"], "port": 8101}
    for server, urls in ((SERVER, SERVER["urls"]), (hosts, ["http://10.0.0.5:8101", "http://node7:8101"])):
        teacher = parse_config(merge(raw, {"teacher": {"backend": "external", "server": server}})).teacher
        assert connection_of(teacher, "x").urls == urls
    assert connection_of(parse_config(raw).teacher, "x") is None


@pytest.mark.parametrize(
    ("key", "value", "stages"),
    [
        ("server.urls", ["http://127.0.0.1:2", "http://127.0.0.1:3"], set()),
        ("server.concurrency", 64, set()),
        ("server.timeout_s", 5, set()),
        ("server.patience_s", 5, set()),
        ("server.key_file", "/elsewhere", set()),
        ("managed.replicas", 7, set()),
        ("pack_tokens", 512, {"check_teacher"}),
        ("server.model", "another", {"check_teacher", "score"}),
    ],
)
def test_where_servers_are_reruns_nothing(raw, key, value, stages):
    served = merge(raw, {"teacher": {"backend": "external", "server": SERVER}})
    before, after = parse_config(served), parse_config(with_key(served, f"teacher.{key}", value))
    assert {
        stage
        for stage in WITH_RECIPE
        if recipe(before, stage, model="student", benchmark="coins")
        != recipe(after, stage, model="student", benchmark="coins")
    } == stages


def test_arms_use_the_same_servers(raw):
    raw["variants"]["odd"] = {"teacher": {"backend": "external", "server": SERVER}}
    with refused("not-per-arm", "variants.odd", "teacher.backend"):
        arm_config(raw, "odd")


def test_a_variant_may_not_touch_what_arms_share(raw):
    raw["variants"]["odd"] = {"data": {"max_prompt_tokens": 5}}
    with refused("not-per-arm", "variants.odd", "data"):
        arm_config(raw, "odd")


@pytest.mark.parametrize("name", ["shared", "base", "figures"])
def test_a_variant_may_not_take_the_name_of_a_folder_or_policy(raw, name):
    raw["variants"][name] = {}
    with refused("reserved-name", f"variants.{name}"):
        arm_config(raw, name)


def test_an_unknown_key_below_a_name_lists_what_is_allowed(raw):
    with refused("invalid-configuration", "`evaluation.sampling.T1.temp`", "temperature, top_p"):
        parse_config(with_key(raw, "evaluation.sampling.T1.temp", 1))


def test_yaml_text_that_shows_a_number_is_that_number(raw):
    assert parse_config(with_key(raw, "update.learning_rate", "1e-6")).update.learning_rate == 1e-6


def test_an_unset_variable_in_a_path_is_named(monkeypatch):
    monkeypatch.delenv("SCOPE_NOWHERE", raising=False)
    with refused("unset-variable", "SCOPE_NOWHERE"):
        expand_path("${SCOPE_NOWHERE}/x.parquet")


def test_a_folder_in_a_variable_may_end_in_a_slash(monkeypatch):
    for folder in ("/data", "/data/", "/data//"):
        monkeypatch.setenv("SCOPE_SOMEWHERE", folder)
        assert expand_path("${SCOPE_SOMEWHERE}/x.parquet") == "/data/x.parquet"


def test_recipes_are_stable_under_reordering_and_differ_by_value(raw):
    config = parse_config(raw)
    reordered = parse_config(dict(reversed(raw.items())))
    assert recipe(config, "weigh") == recipe(reordered, "weigh")
    sharper = parse_config(with_key(raw, "objective.tau", 0.5))
    assert recipe(config, "weigh") != recipe(sharper, "weigh")
    assert recipe(config, "rollout") == recipe(sharper, "rollout")


@pytest.mark.parametrize(
    ("key", "value", "stages"),
    [
        ("logprob_temperature.student", 1.0, {"rollout", "update"}),
        ("logprob_temperature.teacher", 1.0, {"score"}),
        ("rollout.temperature", 0.8, {"rollout", "score", "update"}),
        ("objective.method", "opd", {"score", "weigh"}),
        ("objective.kl", "full", {"weigh", "update"}),
        ("objective.method", "kd", {"rollout", "score", "weigh"}),
        ("teacher.pack_tokens", 512, {"score"}),
        ("objective.tau", 2, {"weigh"}),
    ],
)
def test_what_follows_from_several_keys_reaches_the_stages_that_use_it(raw, key, value, stages):
    raw = with_key(raw, "rollout.temperature", 0.6)
    before, after = parse_config(raw), parse_config(with_key(raw, key, value))
    of_a_round = ("rollout", "verify", "score", "weigh", "update")
    assert {stage for stage in of_a_round if recipe(before, stage) != recipe(after, stage)} == stages


@pytest.mark.parametrize(
    ("arm", "key", "value", "stages"),
    [
        ("opd", "objective.tau", 2, set()),
        ("opd", "objective.pg_clip", 0.3, set()),
        ("grpo", "objective.pg_clip", 0.3, {"weigh"}),
        ("grpo", "objective.kl_coefficient", 0.1, {"weigh"}),
        ("grpo", "objective.kl_coefficient", 0, {"score", "weigh"}),
        ("grpo", "logprob_temperature.teacher", 0.5, set()),
        ("kd", "objective.drop_incorrect", True, {"weigh"}),
        ("scope", "objective.drop_incorrect", True, set()),
        ("scope_full_kl", "logprob_temperature.teacher", 0.5, {"score", "update"}),
    ],
)
def test_what_a_method_does_not_compute_with_changes_nothing(raw, arm, key, value, stages):
    before, after = arm_config(raw, arm), arm_config(with_key(raw, key, value), arm)
    of_a_round = ("rollout", "verify", "score", "weigh", "update")
    assert {stage for stage in of_a_round if recipe(before, stage) != recipe(after, stage)} == stages


def test_equal_temperatures_are_equal_however_they_are_written(raw):
    written = with_key(raw, "logprob_temperature", {"student": 1.0, "teacher": 1.0})
    for stage in ("rollout", "score", "update"):
        assert recipe(parse_config(raw), stage) == recipe(parse_config(written), stage)


def test_swapped_values_make_another_recipe(raw):
    swapped = with_key(with_key(raw, "update.steps_per_round", 32), "update.prompts_per_step", 10)
    assert recipe(parse_config(raw), "update") != recipe(parse_config(swapped), "update")


def test_adding_rounds_changes_no_recipe_of_a_finished_one(raw):
    longer = parse_config(with_key(raw, "rounds", 8))
    for stage in ("rollout", "verify", "score", "weigh", "update", "evaluate"):
        assert recipe(longer, stage) == recipe(parse_config(raw), stage)


def test_a_model_reruns_for_its_own_shape_only(raw):
    wider = parse_config(with_key(raw, "models.teacher.random_init.hidden_size", 128))
    assert stage_settings(wider, "model", model="student") == stage_settings(
        parse_config(raw), "model", model="student"
    )
    assert stage_settings(wider, "model", model="teacher") != stage_settings(
        parse_config(raw), "model", model="teacher"
    )


def test_the_generated_schema_is_in_step():
    written = json.loads((ROOT / "workflow/schemas/config.schema.json").read_text())
    assert written == json.loads(json.dumps(schema())), "run `make schema`"


def test_the_readme_of_config_names_every_section():
    text = (ROOT / "config/README.md").read_text()
    assert [name for name in Config.model_fields if not re.search(rf"`{name}\b", text)] == []
    assert set(ARM_SECTIONS) < set(Config.model_fields)


def test_the_table_of_keys_is_in_step():
    from config_schema import keys_table

    assert (ROOT / "config/KEYS.md").read_text() == keys_table(), "run `make schema`"


def test_a_teacher_at_another_temperature_is_warned_of(raw):
    assert advice(parse_config(raw)) == []
    mixed = with_key(with_key(raw, "rollout.temperature", 0.6), "logprob_temperature.teacher", 1.0)
    assert "student logits = 0.6 x teacher logits" in advice(parse_config(mixed))[0]


@pytest.mark.parametrize(
    ("key", "value", "stages"),
    [
        ("data.train.licence", "MIT", {"report"}),
        ("data.benchmarks.aime24.licence", "MIT", {"report"}),
        ("data.benchmarks.aime24.problem", "question", {"check_rows", "check_problems", "problems"}),
        ("data.benchmarks.aime24.answer", "final_answer", {"check_problems", "problems"}),
        ("data.benchmarks.amc23", {"path": "amc23.parquet"}, {"check_rows", "report"}),
        ("data.decontamination.ngram", 12, {"check_rows"}),
        ("data.on_issue.contaminated", "keep", {"check_rows", "prompts"}),
        ("data.chat", {"thinking": False}, {"prompts", "problems"}),
    ],
)
def test_what_decides_prompts_reruns_them_and_a_licence_the_report(key, value, stages, monkeypatch, tmp_path):
    monkeypatch.setenv("SCOPE_DATA", str(tmp_path))
    raw = read_config(ROOT / "config/real_smoke.yaml", ROOT / "config/variants.yaml")
    before, after = parse_config(raw), parse_config(with_key(raw, key, value))
    named = {"model": "student", "benchmark": "aime24"}
    assert {name for name in WITH_RECIPE if recipe(before, name, **named) != recipe(after, name, **named)} == stages
