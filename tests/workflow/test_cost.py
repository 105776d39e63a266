"""The projection of jobs and GPU hours: against what Snakemake plans, and its arithmetic."""

import sys

import pytest

from conftest import ROOT, run
from flows import checkout, would_run
from scope.artifacts.stages import WITH_RECIPE
from scope.config.experiment import arm_config, merge, parse_config, read_config, with_grid
from scope.planning.cost import count_jobs, describe, gpu_hours
from scope.planning.recipes import stage_settings

COST = {
    "rollout": {"wall_s": 90, "gpus": 4},
    "score": {"wall_s": 60, "gpus": 2},
    "update": {"wall_s": 45, "gpus": 8},
    "evaluate": {"wall_s": 120, "gpus": 3},
}
FREE = {"objective": {"method": "grpo", "kl_coefficient": 0}}
SMALL = {"teacher": {"pack_tokens": 64}}
EXPERIMENTS = {
    "every method, three seeds": {"arms": ["scope", "opd", "kd", "grpo", "scope_tau2"], "seeds": [0, 1, 2]},
    "retention": {"retention": {"keep_policies_every": 2, "keep_rollouts": "last"}, "arms": ["scope", "kd"]},
    "shards, no scorer": {
        "rollout": {"shards": 3},
        "rounds": 2,
        "evaluation": {"every": 0},
        "arms": ["free", "kd"],
        "variants": {"free": FREE},
    },
    "another teacher, other draws": {
        "arms": ["scope", "small", "hot"],
        "variants": {"small": SMALL, "hot": {"rollout": {"temperature": 1.5, "shards": 2}}},
    },
    "another teacher, unused": {"arms": ["kd", "small"], "variants": {"small": SMALL | FREE}},
    "a grid": {"grid": {"axes": {"tau": {"key": "objective.tau", "values": [0.5, 1, 2]}}}},
}


def world(**sections):
    """The demo with sections laid over it, and its arms."""
    raw = with_grid(merge(read_config(ROOT / "config/config.yaml", ROOT / "config/variants.yaml"), sections))
    experiment = parse_config(raw)
    return experiment, {arm: arm_config(raw, arm) for arm in experiment.arms}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return checkout(tmp_path_factory.mktemp("cost"))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_jobs_are_those_that_snakemake_plans(name, project):
    import yaml

    overlay = project / "overlay.yaml"
    overlay.write_text(yaml.safe_dump(EXPERIMENTS[name]))
    planned = would_run(project, "--configfile", "config/config.yaml", overlay)
    assert count_jobs(*world(**EXPERIMENTS[name])) == planned
    assert sum(planned.values()) > 20


def hours(**sections):
    return gpu_hours(*world(expected_cost=COST, **sections))


def test_the_hours_of_one_arm_by_hand():
    # 6 rounds of 10 steps; 3 evaluated rounds, the base policy and the teacher on one benchmark, under two samplings
    assert hours() == pytest.approx(
        {
            "rollout": 60 * 90 * 4 / 3600,
            "score": 60 * 60 * 2 / 3600,
            "update": 60 * 45 * 8 / 3600,
            "evaluate": 5 * 2 * 120 * 3 / 3600,
        }
    )


def test_arms_pay_for_the_first_rounds_rollouts_once():
    one, two = hours(), hours(arms=["scope", "scope_tau2"])
    assert two["update"] == 2 * one["update"]
    assert two["rollout"] == pytest.approx(one["rollout"] * 11 / 6)
    assert two["score"] == pytest.approx(one["score"] * 11 / 6)


def test_kd_scores_nothing_and_seeds_multiply():
    assert "score" not in hours(arms=["kd"])
    assert hours(seeds=[0, 1])["rollout"] == 2 * hours()["rollout"]


def test_steps_of_a_round_count_and_shards_do_not():
    assert hours(update={"steps_per_round": 20})["update"] == 2 * hours()["update"]
    assert hours(rollout={"shards": 7})["rollout"] == hours()["rollout"]


def test_what_is_printed():
    said = describe(
        {"rollout": 1600, "report": 1}, {"rollout": 110.08, "score": 22.2, "update": 8.04, "evaluate": 0.123}
    )
    assert said == [
        "jobs: 1,601 from the start to the report (rollout 1,600, report 1)",
        "GPU hours: about 140 (rollout 110, score 22, update 8, evaluate 0.12); not counted: queues, starts, repeated "
        "attempts",
    ]
    assert "not counted: evaluation, queues" in describe({}, {"rollout": 1.0})[1]


def test_without_the_section_nothing_is_projected():
    assert gpu_hours(*world()) is None
    assert describe({"report": 1}, None)[1] == "GPU hours: not projected (section `expected_cost`)"


def test_the_section_changes_no_recipe():
    plain, costly = world()[0], world(expected_cost=COST)[0]
    names = {"model": "student", "benchmark": "coins"}
    for stage in WITH_RECIPE:
        assert stage_settings(plain, stage, **names) == stage_settings(costly, stage, **names)


def test_the_projection_needs_no_heavy_library():
    heavy = "{'torch', 'polars', 'pyarrow', 'transformers'} & set(sys.modules)"
    done = run(
        sys.executable, "-c", f"import sys; import scope.planning.cost; print(*{heavy})", PYTHONPATH=ROOT / "scripts"
    )
    assert done.stdout.strip() == ""
