"""pass@k, avg@k, best@k and their intervals against brute force and closed forms."""

from itertools import combinations

import numpy as np
import pytest

from refusals import refused
from scope.evaluate.metrics import (
    avg_at_k,
    best_at_k_bootstrap,
    best_at_k_per_problem,
    bootstrap_interval,
    pass_at_k,
    pass_at_k_per_problem,
    share_interval,
)


@pytest.mark.parametrize("n", range(1, 7))
def test_pass_at_k_is_the_share_of_subsets_with_a_correct_sample(n):
    for c in range(n + 1):
        outcomes = [1] * c + [0] * (n - c)
        for k in range(1, n + 1):
            subsets = list(combinations(outcomes, k))
            assert pass_at_k(n, c, k) == pytest.approx(sum(map(max, subsets)) / len(subsets), abs=1e-15)


def test_pass_at_k_at_its_ends():
    assert pass_at_k(32, 0, 32) == 0
    assert pass_at_k(32, 1, 32) == 1
    assert pass_at_k(32, 32, 1) == 1
    assert pass_at_k(32, 8, 1) == 0.25


def test_pass_at_k_stays_exact_for_many_samples():
    assert pass_at_k(10**6, 1, 500_000) == 0.5
    assert pass_at_k(10**6, 1, 1) == 1e-6
    assert pass_at_k(100_000, 10, 100) == pytest.approx(1 - np.prod([1 - 100 / (100_000 - i) for i in range(10)]))


@pytest.mark.parametrize(("n", "c", "k"), [(4, 2, 5), (4, 5, 2), (4, -1, 2), (4, 2, -1), (-1, -1, -1)])
def test_pass_at_k_refuses_impossible_counts(n, c, k):
    with refused("out-of-range", f"n={n}, c={c}, k={k}"):
        pass_at_k(n, c, k)


def test_pass_at_k_per_problem_takes_each_row_by_itself():
    correct = [[0, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 1]]
    assert pass_at_k_per_problem(correct, 2).tolist() == [0, 0.5, 1]
    with refused("out-of-range", "n=4, c=0, k=5"):
        pass_at_k_per_problem(correct, 5)


def test_avg_is_the_mean_over_samples_then_problems():
    correct = np.array([[True, False, False, False], [True, True, True, False]])
    assert avg_at_k(correct) == 0.5
    assert avg_at_k(correct, 1) == 1.0
    assert avg_at_k([1, 0, 0, 0]) == 0.25
    assert avg_at_k(correct) == pytest.approx(pass_at_k_per_problem(correct, 1).mean())


@pytest.mark.parametrize("k", [0, -1, 5])
def test_avg_and_best_refuse_more_samples_than_there_are(k):
    for metric in (avg_at_k, best_at_k_bootstrap):
        with refused("out-of-range", "4 samples", k):
            metric([[1, 0, 0, 0]], k)


@pytest.mark.parametrize("correct", [[], [[0, 2]], [[0.5, 1]], [[[1, 0]]]])
def test_verdicts_must_be_a_matrix_of_zeros_and_ones(correct):
    with refused("wrong-shape"):
        avg_at_k(correct)


@pytest.mark.parametrize(("c", "k"), [(1, 8), (3, 2), (3, 8), (7, 4)])
def test_best_at_k_expects_less_than_pass_at_k(c, k):
    n, resamples = 8, 20_000
    expected = 1 - (1 - c / n) ** k
    spread = (expected * (1 - expected) / resamples) ** 0.5
    best = best_at_k_bootstrap([[1] * c + [0] * (n - c)], k, resamples=resamples, seed=3)
    assert abs(best - expected) < 4 * spread
    assert best < pass_at_k(n, c, k)


def test_best_at_k_is_seeded_and_certain_at_its_ends():
    correct = [[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]]
    first, again, other = (best_at_k_per_problem(correct, 4, seed=seed) for seed in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()
    assert (first[0], first[2]) == (0, 1)


def test_interval_matches_the_normal_one_on_many_problems():
    values = np.random.default_rng(0).random(400)
    low, high = bootstrap_interval(values, resamples=4000, seed=1)
    half = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_interval_of_several_figures_is_that_of_each():
    values = np.random.default_rng(0).random((30, 2))
    lows, highs = bootstrap_interval(values, resamples=200, seed=5)
    for column in range(2):
        low, high = bootstrap_interval(values[:, column], resamples=200, seed=5)
        assert (lows[column], highs[column]) == pytest.approx((low, high))


def test_interval_of_equal_values_has_no_width_and_no_values_no_interval():
    low, high = bootstrap_interval([0.25] * 10, resamples=50)
    assert low == high == 0.25
    with refused("no-problems"):
        bootstrap_interval([])


def test_interval_widens_with_the_level():
    values = np.arange(20) / 20
    narrow, wide = (bootstrap_interval(values, resamples=500, level=level) for level in (0.5, 0.99))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


@pytest.mark.parametrize(("problems", "upper"), [(1, 0.975), (10, 0.3085), (40, 0.0881), (160, 0.0228)])
def test_no_success_among_p_problems_has_the_exact_interval(problems, upper):
    """Clopper and Pearson 1934: 0 of P has the 95 % interval [0, 1 - 0.025^(1/P)]."""
    low, high = share_interval(np.zeros(problems), resamples=50)
    assert low == 0
    assert high == pytest.approx(upper, abs=5e-5)
    low, high = share_interval(np.ones(problems), resamples=50)
    assert (low, high) == (pytest.approx(1 - upper, abs=5e-5), 1)


def test_a_difference_of_nothing_has_an_interval_around_it():
    low, high = share_interval(np.zeros(40), bounds=(-1, 1), resamples=50)
    assert (low, high) == (pytest.approx(-0.0881, abs=5e-5), pytest.approx(0.0881, abs=5e-5))


def test_values_that_differ_have_the_bootstraps_interval():
    values = np.array([[0.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.5, 1.0, 0.0]])
    low, high = share_interval(values, resamples=200)
    expected = bootstrap_interval(values[:, 0], resamples=200)
    assert (low[0], high[0]) == expected
    assert low[1] < 1 == high[1]
    assert low[2] == 0 < high[2]
