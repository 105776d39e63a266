"""The projection of disk use: its arithmetic, and what it prints."""

import sys
from dataclasses import replace
from types import SimpleNamespace
from unittest import mock

import pytest

from conftest import ROOT, run
from disk_worlds import ONE_STEP, projected, world
from scope.artifacts.weight_headers import Weights
from scope.config.experiment import arm_config
from scope.planning import disk
from scope.planning.disk import describe, free_bytes, readable

BF16 = Weights(bytes=3_400_000_000, parameters=1_700_000_000)

# What stays, by round.


@pytest.mark.parametrize(
    ("retention", "policies", "states"),
    [
        ({}, 6, 6),
        ({"keep_policies_every": 2, "keep_states_every": 3}, 3, 2),
        ({"keep_policies_every": 4}, 2, 6),
        ({"keep_policies_every": 0, "keep_states_every": 0}, 1, 1),
        ({"keep_policies_every": 7, "keep_states_every": 7}, 1, 1),
        ({"keep_policies_every": 3, "keep_best": True}, 3, 6),
        ({"keep_policies_every": 2, "keep_best": True}, 3, 6),
        ({"keep_policies_every": 0, "keep_states_every": 0, "keep_best": True}, 2, 1),
        ({"keep_best": True}, 6, 6),
    ],
)
def test_what_stays_of_six_rounds_of_which_every_second_is_evaluated(retention, policies, states):
    projection = projected("scope", retention=retention)
    assert projection.policies == policies * projection.per_policy
    assert projection.states == states * projection.per_state


def test_the_best_policy_is_the_last_where_only_that_is_evaluated():
    projection = projected("scope", retention={"keep_policies_every": 0, "keep_best": True}, evaluation={"every": 0})
    assert projection.policies == projection.per_policy


def test_the_end_is_the_sum_of_what_stays():
    projection = projected("scope", "opd", "kd")
    assert projection.end == sum(
        getattr(projection, kind) for kind in ("policies", "states", "rollouts", "batches", "shared")
    )


@pytest.mark.parametrize("retention", [{}, {"keep_best": True}, {"keep_policies_every": 1, "keep_states_every": 1}])
def test_without_deletion_the_peak_is_the_end(retention):
    projection = projected("scope", "kd", update=ONE_STEP, retention=retention)
    assert projection.peak == projection.end


def test_a_round_of_several_steps_has_a_checkpoint_for_every_arm_and_seed_at_the_peak():
    projection = projected("scope", "kd", seeds=[0, 1])
    assert projection.peak - projection.end == 2 * 2 * projection.per_state


def test_at_the_peak_two_policies_and_states_wait_for_every_arm_and_seed():
    projection = projected(
        "scope", "opd", seeds=[0, 1, 2], retention={"keep_policies_every": 0, "keep_states_every": 0}
    )
    waiting = 2 * 3 * 2 * (projection.per_policy + projection.per_state)
    assert projection.peak - projection.end == waiting + 2 * 3 * projection.per_state


def test_a_policy_that_another_arm_starts_from_stays_and_round_1_of_that_arm_is_its_own():
    drops = {"keep_policies_every": 0, "keep_states_every": 0}
    raw = world(rounds=3, retention=drops, variants={"after": {"start": {"arm": "scope", "round": 1}}})
    alone, both, apart = (projected(*arms, raw=raw) for arms in (["scope"], ["scope", "after"], ["scope", "opd"]))
    assert [each.policies // each.per_policy for each in (alone, both, apart)] == [1, 3, 2]
    assert both.rollouts > apart.rollouts


def test_no_more_can_wait_than_is_dropped():
    projection = projected(
        "scope", rounds=2, update=ONE_STEP, retention={"keep_policies_every": 0, "keep_states_every": 0}
    )
    assert projection.peak - projection.end == projection.per_policy + projection.per_state


def test_only_the_last_rounds_rollouts_stay_beside_the_shared_ones():
    every, last = (projected("opd", update=ONE_STEP, retention={"keep_rollouts": which}) for which in ("all", "last"))
    of_round = every.rollouts // 6
    assert last.rollouts == 2 * of_round
    assert last.peak - last.end == 2 * of_round
    assert last.batches == every.batches


def test_two_seeds_take_twice_as_much_and_share_the_models():
    one, two = (projected("scope", "opd", "kd", seeds=seeds) for seeds in ([0], [0, 1]))
    doubled = {kind: 2 * getattr(one, kind) for kind in ("policies", "states", "rollouts", "batches")}
    end, kept = sum(doubled.values()) + one.shared, 2 * one.kept_states
    assert two == replace(one, **doubled, kept_states=kept, end=end, peak=end + 2 * (one.peak - one.end))


def test_arms_share_the_first_rounds_rollouts_and_with_equal_scorers_its_scores():
    raw = world(rounds=1)
    scope, opd = (projected(arm, raw=raw).rollouts for arm in ("scope", "opd"))
    sampled = disk.rollout_bytes(arm_config(raw, "scope"))
    assert projected("scope", "scope_tau0.5", raw=raw).rollouts == scope
    assert projected("scope", "opd", raw=raw).rollouts == scope + opd - sampled


def test_later_rounds_are_every_arms_own():
    one, two = projected("scope"), projected("scope", "scope_tau0.5")
    assert two.rollouts - one.rollouts == one.rollouts * 5 // 6


def test_arms_that_sample_otherwise_share_nothing():
    raw = world(rounds=1, variants={"hot": {"rollout": {"temperature": 1.5}}})
    assert projected("scope", "hot", raw=raw).rollouts == 2 * projected("scope", raw=raw).rollouts


def test_samples_of_the_teacher_are_shared_in_all_rounds_never_scored_and_never_deleted():
    raw = world(retention={"keep_rollouts": "last"}, variants={"strict": {"objective": {"method": "kd",
                "drop_incorrect": True}}}, update=ONE_STEP)  # fmt: skip
    projection = projected("kd", "strict", raw=raw)
    assert projection.rollouts == 6 * disk.rollout_bytes(arm_config(raw, "kd"))
    assert projection.peak == projection.end
    assert projected("kd", "opd", raw=raw).rollouts == projection.rollouts + projected("opd", raw=raw).rollouts


def test_an_arm_without_scorer_has_no_scores():
    raw = world(rounds=1, variants={"free": {"objective": {"method": "grpo", "kl_coefficient": 0}}})
    assert projected("free", raw=raw).rollouts == disk.rollout_bytes(arm_config(raw, "free"))
    assert projected("free", raw=raw).batches < projected("grpo", raw=raw).batches


def test_models_in_folders_are_not_copied_and_their_weights_are_counted_by_precision():
    folder = {"path": "somewhere", "random_init": None, "sft": None}
    raw = world(models={"dtype": "bfloat16", "student": folder, "teacher": folder})
    projection = projected("scope", raw=raw, models={"student": BF16, "teacher": BF16})
    assert projection.shared == 0
    assert projection.per_policy == pytest.approx(3.4e9, rel=0.001)
    assert projection.per_state == pytest.approx(1.7e9 * 12, rel=0.001)


def test_weights_stored_in_bfloat16_and_trained_in_float32_take_twice_the_folder():
    folder = {"path": "somewhere", "random_init": None, "sft": None}
    raw = world(models={"dtype": "float32", "student": folder, "teacher": folder})
    projection = projected("scope", raw=raw, models={"student": BF16, "teacher": BF16})
    assert projection.per_policy == pytest.approx(6.8e9, rel=0.001)
    assert projection.per_state == pytest.approx(1.7e9 * 12, rel=0.001)


def test_a_fine_tuned_model_is_as_large_as_its_folder():
    folder, sft = {"path": "somewhere", "random_init": None}, {"steps": 1, "batch": 1, "learning_rate": 1e-5}
    raw = world(models={"student": {**folder, "sft": None}, "teacher": {**folder, "sft": sft}})
    assert (
        projected("scope", raw=raw, models={"student": BF16, "teacher": Weights(16 * 10**9, 8 * 10**9)}).shared
        == 16 * 10**9
    )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("stage", range(4))
def test_a_state_takes_12_bytes_per_parameter_in_every_precision_and_at_every_stage(dtype, stage):
    raw = world(models={"dtype": dtype}, update={"deepspeed": {"zero_optimization": {"stage": stage}}})
    parameters = disk.parameters(arm_config(raw, "scope"), "student", None)
    assert projected("scope", raw=raw).per_state == pytest.approx(12 * parameters, abs=10_000)


# What is said.


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0.0 kB"), (512, "0.5 kB"), (999, "1.0 kB"), (9_960, "10 kB"), (123_000, "120 kB"), (1_234_567, "1.2 MB"),
     (999_600_000, "1.0 GB"), (43_000_000_000, "43 GB"), (1_250_000_000_000, "1.2 TB"), (5 * 10**15, "5000 TB")],
)  # fmt: skip
def test_sizes_are_decimal_with_two_significant_digits(size, text):
    assert readable(size) == text


GB = 10**9
PROJECTION = disk.Projection(
    policies=4 * GB,
    states=7 * GB,
    kept_states=1,
    rollouts=GB // 10,
    batches=GB // 5,
    shared=0,
    end=113 * GB // 10,
    peak=27 * GB,
    per_policy=GB,
    per_state=7 * GB,
)
LINE = (
    "disk: about 11 GB at the end (4 policies 4.0 GB, 1 state 7.0 GB, rollouts at most 100 MB, batches at most "
    "200 MB), 27 GB at the peak"
)


def test_what_fits_is_printed_in_one_line():
    assert describe(PROJECTION, 43 * GB) == f"{LINE}; 43 GB free"
    assert describe(PROJECTION, PROJECTION.peak) == f"{LINE}; 27 GB free"


def test_what_the_experiment_has_already_counts_as_free_space():
    needed = PROJECTION.peak
    assert "does not fit" in describe(PROJECTION, needed // 2)
    resumed = describe(PROJECTION, needed // 2, needed)
    assert "taken already" in resumed
    assert "does not fit" not in resumed


def test_what_does_not_fit_is_printed_with_what_to_set():
    first, second = describe(PROJECTION, 12 * GB).splitlines()
    assert first == f"{LINE}; 12 GB free"
    assert "does not fit by 15 GB" in second
    assert "free disk space, keep less (the section `retention`), or plan fewer arms or rounds" in second


def test_free_space_is_that_of_the_nearest_folder_that_exists(tmp_path):
    (tmp_path / "there").mkdir()
    with mock.patch("shutil.disk_usage", lambda folder: SimpleNamespace(free=str(folder))):
        assert free_bytes(tmp_path / "there/not/yet") == str(tmp_path / "there")
        assert free_bytes(tmp_path / "there") == str(tmp_path / "there")
    assert free_bytes("results") > 0


def test_no_projection_needs_a_heavy_library():
    heavy = "{'torch', 'polars', 'pyarrow', 'transformers'} & set(sys.modules)"
    code = f"import sys; import scope.planning.disk, scope.planning.memory_needs; print(*{heavy})"
    assert run(sys.executable, "-c", code, PYTHONPATH=ROOT / "scripts").stdout.strip() == ""
