"""Every renamed key and value is refused with its new name, wherever it is written."""

import re

import pytest

from conftest import ROOT
from refusals import refused
from scope.config.experiment import merge, parse_config, read_config, schema, with_grid
from scope.config.renamed import KEYS, VALUES
from scope.errors import InputError
from scope.planning.plan import make_plan

ALL_VALUES = [(key, old, new) for key, values in VALUES.items() for old, new in values.items()]


def nested(key, value):
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


@pytest.fixture
def raw():
    return read_config(ROOT / "config/config.yaml", ROOT / "config/variants.yaml")


def lines_refused(raw, *sections):
    """The lines of the refusal of a configuration with sections laid over it."""
    for section in sections:
        raw = merge(raw, section)
    with refused("renamed-key") as error:
        make_plan(raw)
    with pytest.raises(InputError, match=re.escape(str(error.value))):
        parse_config(raw)
    return str(error.value).splitlines()


@pytest.mark.parametrize(("old", "new"), KEYS.items())
def test_an_old_key_is_refused_with_its_new_name(raw, old, new):
    assert any(line.startswith(f"{old} is now {new}: write `") for line in lines_refused(raw, nested(old, 7)))


@pytest.mark.parametrize(("key", "old", "new"), ALL_VALUES)
def test_an_old_value_is_refused_with_the_new_one(raw, key, old, new):
    (line,) = lines_refused(raw, nested(key, old))
    assert line.startswith(f"{key}: {old} is now {new}: write `")


def test_the_message_has_the_line_to_write(raw):
    old = {"data": {"overlong": "drop", "decontaminate": ["coins"]}, "evaluation": {"samplings": {"T1": {}}}}
    assert lines_refused(raw, old, {"teacher": {"backend": "in_job", "service": {"idle_minutes": 2}}}) == [
        "data.overlong is now data.on_issue.overlong: write `data: {on_issue: {overlong: drop}}`",
        "data.decontaminate is now data.decontamination.benchmarks: "
        'write `data: {decontamination: {benchmarks: ["coins"]}}`',
        "teacher.service is now teacher.managed: write `teacher: {managed: {...}}`",
        "teacher.service.idle_minutes is now teacher.managed.idle_s: write `teacher: {managed: {idle_s: 120}}`",
        "evaluation.samplings is now evaluation.sampling: write `evaluation: {sampling: {...}}`",
        "teacher.backend: in_job is now in_process: write `teacher: {backend: in_process}`",
    ]


def test_arms_are_checked(raw):
    arms = {"variants": {"old": {"teacher": {"backend": "service"}}, "new": None}}
    assert lines_refused(raw, arms) == [
        "variants.old: teacher.backend: service is now managed: write `teacher: {backend: managed}`"
    ]


@pytest.mark.parametrize(
    "axis",
    [
        {"key": "teacher.backend", "values": ["in_job"]},
        {"key": "teacher", "values": {"local": {"backend": "in_job"}}},
    ],
)
def test_axes_of_a_grid_are_checked(raw, axis):
    with pytest.raises(InputError, match=r"^grid\.axes\.where: teacher\.backend: in_job is now in_process: write"):
        with_grid(merge(raw, {"grid": {"axes": {"where": axis}}}))


def properties(node, whole):
    """All options of a node of the schema that is an object."""
    if "$ref" in node:
        node = whole["$defs"][node["$ref"].rsplit("/", 1)[1]]
    options = [properties(option, whole) for option in node.get("anyOf", [])]
    return {name: field for option in [*options, node.get("properties", {})] for name, field in option.items()}


@pytest.mark.parametrize("new", KEYS.values())
def test_each_new_name_is_a_key_of_the_configuration(new):
    whole = schema()
    node = whole
    for part in new.split("."):
        assert part in properties(node, whole), new
        node = properties(node, whole)[part]


@pytest.mark.parametrize(("key", "old", "new"), ALL_VALUES)
def test_each_new_value_is_allowed_and_the_old_one_is_not(key, old, new):
    whole = schema()
    node = whole
    for part in key.split("."):
        node = properties(node, whole)[part]
    assert new in node["enum"]
    assert old not in node["enum"]


@pytest.mark.parametrize("name", ["resume", "cost"])
def test_an_old_empty_section_is_refused_too(raw, name):
    assert len(lines_refused(raw, {name: {}})) == 1
