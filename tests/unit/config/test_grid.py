"""Grids: readable names that never collide and never change, and arms that share their round 1."""

import itertools
import random
import re

import pytest

from conftest import ROOT
from refusals import refused
from scope.config.experiment import ARM_SECTIONS, arm_config, merge, parse_config, read_config, with_grid
from scope.planning.arm import duplicate_arms, plan_arm
from scope.planning.sharing import rollouts_name, scores_name

TAU = {"key": "objective.tau", "values": [0.5, 1, 2]}
RATE = {"key": "update.learning_rate", "values": [1e-5, 2e-4]}


@pytest.fixture(scope="module")
def demo():
    raw = read_config(ROOT / "config/config.yaml", ROOT / "config/variants.yaml")
    del raw["arms"]
    return raw


def cells(demo, axes, **more):
    return with_grid({**demo, "grid": {"axes": axes, **more}})


def settings(raw, arm):
    return arm_config(raw, arm).model_dump(include=set(ARM_SECTIONS))


def test_cells_are_named_by_what_differs_from_their_variant(demo):
    expanded = cells(demo, {"tau": TAU, "lr": RATE})
    assert set(expanded["arms"]) == {
        "scope",
        "scope-tau=0.5",
        "scope-tau=2",
        "scope-lr=1e-05",
        "scope-lr=1e-05-tau=0.5",
        "scope-lr=1e-05-tau=2",
    }
    config = parse_config(expanded)
    assert config.arms == expanded["arms"]
    cell = arm_config(expanded, "scope-lr=1e-05-tau=0.5")
    assert (cell.update.learning_rate, cell.objective.tau) == (1e-5, 0.5)


def test_without_a_grid_nothing_changes(demo):
    assert with_grid(demo) == demo


def test_arms_named_beside_a_grid_run_too_and_once(demo):
    expanded = with_grid({**demo, "arms": ["kd", "scope"], "grid": {"axes": {"tau": TAU}}})
    assert expanded["arms"] == ["kd", "scope", "scope-tau=0.5", "scope-tau=2"]


def test_a_new_value_or_axis_renames_nothing(demo):
    small = cells(demo, {"tau": {**TAU, "values": [0.5, 1]}})
    grown = cells(
        demo,
        {"tau": TAU, "lr": RATE, "clip": {"key": "update.grad_clip", "values": [1, 0.5]}},
        variants=["opd", "scope"],
    )
    assert set(small["arms"]) < set(grown["arms"])
    for name in small["arms"]:
        assert settings(small, name) == settings(grown, name)


def test_the_order_of_axes_and_values_is_of_no_account(demo):
    one = cells(demo, {"tau": TAU, "lr": RATE})
    other = cells(demo, {"lr": {**RATE, "values": RATE["values"][::-1]}, "tau": TAU})
    assert set(one["arms"]) == set(other["arms"])


def test_labels_stand_for_sections(demo):
    none = {"student_weight": "uniform", "teacher_weight": "uniform"}
    expanded = cells(demo, {"weights": {"key": "objective", "values": {"paper": {}, "none": none}}, "tau": TAU})
    assert "scope-tau=2-weights=none" in expanded["arms"]
    assert settings(expanded, "scope-weights=none") == settings(demo, "scope_no_weights")


def test_names_never_collide(demo):
    """Names can be read back to the axes and values that they were made from, whatever these are."""
    draw = random.Random(0)
    letters = "ab1.-_+"
    for _ in range(100):
        axes = {
            name: {
                "key": f"update.deepspeed.{name}",
                "values": list(
                    {draw.choice("ab1") + "".join(draw.choices(letters, k=draw.randrange(4))) for _ in range(3)}
                ),
            }
            for name in ("a", "b", "a1", "ab")[: draw.randrange(1, 5)]
        }
        expanded = cells(demo, axes)
        wanted = list(itertools.product(*(axis["values"] for axis in axes.values())))
        read = [re.findall(r"-([A-Za-z]\w*)=(.*?)(?=-[A-Za-z]\w*=|$)", name) for name in expanded["arms"]]
        assert len(expanded["arms"]) == len(wanted)
        assert sorted(map(dict, read), key=str) == sorted(
            (dict(sorted(zip(axes, values, strict=True))) for values in wanted), key=str
        )


@pytest.mark.parametrize(
    ("axes", "code", "names"),
    [
        ({"t": {"key": "objective.tau", "values": [1, 1.0]}}, "repeated-label", ["grid.axes.t.values: 1"]),
        ({"t": {"key": "evaluation.n", "values": [1]}}, "not-per-arm", ["grid.axes.t.key", "evaluation.n"]),
        ({"t": {"key": "objective.tau", "values": ["a=b"]}}, "invalid-name", ["grid.axes.t.values", "'a=b'"]),
        ({"t": {"key": "objective.tau", "values": ["a/b"]}}, "invalid-name", ["grid.axes.t.values", "'a/b'"]),
        ({"a": TAU, "b": TAU}, "overlapping-axes", ["a and b", "objective.tau"]),
        (
            {"a": TAU, "b": {"key": "objective", "values": {"x": {"tau": 3}}}},
            "overlapping-axes",
            ["a and b", "objective.tau"],
        ),
        ({"a-b": TAU}, "invalid-configuration", ["a name in `grid.axes` is 'a-b'"]),
        ({"x": {"key": "objective", "values": {True: {"tau": 3}}}}, "unquoted-label", ["grid.axes.x.values", "True"]),
        ({"x": {"key": "objective", "values": [{"tau": 3}]}}, "invalid-configuration", ["`grid.axes.x.values`"]),
        ({"t": {"key": "objective.tau", "values": []}}, "invalid-configuration", ["grid.axes.t.values"]),
        (
            {"t": {"key": "objective.tau", "values": [-1]}},
            "invalid-configuration",
            ["variants.scope-t=-1", "`objective.tau` is -1; write a number above 0"],
        ),
    ],
)
def test_a_bad_grid_is_reported_by_its_key(demo, axes, code, names):
    with refused(code, *names):
        parse_config(cells(demo, axes))


def test_a_variant_may_not_look_like_a_cell(demo):
    with refused("invalid-name", "variants.scope-tau=3"):
        with_grid(merge(demo, {"variants": {"scope-tau=3": {}}}))


def test_equal_arms_are_reported(demo):
    spelled = {"objective": {"student_weight": "high_ppl", "scale": "sum"}}
    raw = merge(demo, {"variants": {"spelled": spelled, "opd_tau": {"objective": {"method": "opd", "tau": 3.0}}}})
    plans = {arm: plan_arm(arm_config(raw, arm)) for arm in ("scope", "scope_tau1", "spelled", "opd", "opd_tau")}
    assert duplicate_arms(plans) == [
        f"arms {first} and {second} compute the same: all but round 1 is computed twice"
        for first, second in (("scope", "scope_tau1"), ("scope", "spelled"), ("opd", "opd_tau"))
    ]


def test_a_number_that_yaml_reads_as_text_is_a_number(demo):
    rates = [{"key": "update.learning_rate", "values": values} for values in (["1e-3", "2e-4"], [1.0e-3, 2.0e-4])]
    text, numbers = (cells(demo, {"lr": axis}) for axis in rates)
    assert text == {**numbers, "grid": text["grid"]}
    labelled = cells(demo, {"lr": {"key": "update.learning_rate", "values": {"low": "1e-3"}}})
    assert arm_config(labelled, "scope-lr=low").update.learning_rate == 1e-3


def test_arms_that_sample_alike_share_their_first_rollouts(demo):
    students = {rollouts_name(arm_config(demo, arm)) for arm in demo["variants"] if arm != "kd"}
    assert len(students) == 1
    assert rollouts_name(arm_config(demo, "kd")) not in students
    hotter = arm_config(merge(demo, {"rollout": {"temperature": 0.9}}), "scope")
    assert rollouts_name(hotter) not in students


def test_scores_are_shared_by_scorer_coverage_and_settings(demo):
    names = {
        arm: scores_name(arm_config(demo, arm)) for arm in ("scope", "scope_tau2", "scope_released", "opd", "grpo")
    }
    assert names["scope"] == names["scope_tau2"] == names["scope_released"]
    assert len(set(names.values())) == 3
    assert re.fullmatch(r"score-teacher-incorrect-[0-9a-f]{10}", names["scope"])
    colder = merge(demo, {"rollout": {"temperature": 0.6}})
    assert scores_name(arm_config(colder, "scope_released")) != scores_name(arm_config(colder, "scope"))


def test_only_the_first_round_is_shared_unless_the_teacher_samples(demo):
    scope, kd = (plan_arm(arm_config(demo, arm)) for arm in ("scope", "kd"))
    assert [scope.shares_rollouts(round_) for round_ in (1, 2, 3)] == [True, False, False]
    assert [kd.shares_rollouts(round_) for round_ in (1, 2, 3)] == [True, True, True]
