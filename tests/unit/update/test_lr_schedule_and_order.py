"""Learning rates, the order of the data and seeds: functions of their arguments alone, by hand."""

import subprocess
import sys

import pytest

from conftest import ROOT
from refusals import refused
from scope.prompts.order import round_prompts
from scope.seeds import derive_seed
from scope.update.lr_schedule import learning_rate

PROMPTS = [f"x{i:02}" for i in range(10)]


def rates(steps, **settings):
    settings = {"peak": 1.0, "schedule": "constant", "warmup_steps": 0, "total_steps": None, **settings}
    return [learning_rate(step, **settings) for step in steps]


def test_constant_is_the_peak_from_the_first_step():
    assert rates([1, 2, 1000], peak=5e-5) == [5e-5] * 3


def test_warm_up_rises_linearly_and_reaches_the_peak_at_its_last_step():
    assert rates([1, 2, 3, 4, 5, 100], warmup_steps=4) == [0.25, 0.5, 0.75, 1, 1, 1]


def test_linear_falls_from_the_end_of_the_warm_up_to_0_just_after_the_last_step():
    settings = {"schedule": "linear", "warmup_steps": 2, "total_steps": 6, "peak": 10.0}
    assert rates(range(1, 9), **settings) == pytest.approx([5, 10, 8, 6, 4, 2, 0, 0])


def test_linear_without_warm_up_takes_equal_steps_down():
    assert rates(range(1, 5), schedule="linear", total_steps=4) == pytest.approx([0.8, 0.6, 0.4, 0.2])


@pytest.mark.parametrize("settings", [{"warmup_steps": 3}, {"schedule": "linear", "warmup_steps": 3, "total_steps": 9}])
def test_the_rates_of_a_run_are_those_of_its_rounds_laid_end_to_end(settings):
    """A rate knows no number of rounds, so adding rounds changes none that was used."""
    whole = rates(range(1, 13), **settings)
    by_rounds = [rates(range(first, first + 4), **settings) for first in (1, 5, 9)]
    assert [rate for round_ in by_rounds for rate in round_] == whole
    assert rates(range(1, 9), **settings) == whole[:8]


@pytest.mark.parametrize("per_round", [1, 2, 3, 5, 10])
def test_an_epoch_is_a_permutation_cut_into_whole_rounds(per_round):
    """No prompt occurs twice in an epoch; what fills no round waits for the next epoch."""
    rounds = 10 // per_round
    for epoch in range(3):
        seen = [round_prompts(PROMPTS, 0, 1 + epoch * rounds + i, per_round) for i in range(rounds)]
        flat = [prompt for round_ in seen for prompt in round_]
        assert len(flat) == len(set(flat)) == rounds * per_round
        assert set(flat) <= set(PROMPTS)


def test_every_prompt_is_used_though_rounds_do_not_divide_the_data():
    used = {prompt for round_ in range(1, 31) for prompt in round_prompts(PROMPTS, 0, round_, 4)}
    assert used == set(PROMPTS)


def test_epochs_and_seeds_shuffle_afresh():
    orders = [round_prompts(PROMPTS, seed, round_, 10) for seed in (0, 1) for round_ in (1, 2)]
    assert len({tuple(order) for order in orders}) == 4
    assert all(order != sorted(order) for order in orders)


def test_the_order_is_a_function_of_its_arguments_alone():
    """Neither the order in which prompts are listed, nor an earlier call, nor the process matters."""
    expected = round_prompts(PROMPTS, 3, 4, 5)
    round_prompts(PROMPTS, 9, 1, 5)
    assert round_prompts(PROMPTS[::-1], 3, 4, 5) == expected
    code = f"from scope.prompts.order import round_prompts; print(*round_prompts({PROMPTS}, 3, 4, 5))"
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT / "scripts", text=True)
    assert printed.split() == expected


def test_the_list_of_prompts_is_left_as_it_was():
    given = PROMPTS[::-1]
    round_prompts(given, 0, 1, 5)
    assert given == PROMPTS[::-1]


def test_a_round_larger_than_the_data_is_refused():
    with refused("too-few-prompts", "11 prompts", "10"):
        round_prompts(PROMPTS, 0, 1, 11)


def test_a_seed_never_changes():
    """The first 63 bits of SHA-256 of the parts: another value would break every finished run."""
    assert derive_seed(0, 1, "x", 2) == 9063431320482830891


def test_seeds_differ_with_every_part_and_with_their_order():
    parts = [
        (seed, round_, prompt, sample)
        for seed in range(3)
        for round_ in range(3)
        for prompt in ("x", "y")
        for sample in range(8)
    ]
    seeds = {derive_seed(*part) for part in parts}
    assert len(seeds) == len(parts)
    assert derive_seed(1, 2) != derive_seed(2, 1)
    assert derive_seed(1, 12) != derive_seed(11, 2)
    assert all(0 <= seed < 2**63 for seed in seeds)
