"""Rollout weights against the paper's own figures, Eqs. 4, 5 and 19 written out, and their limits."""

import math
import random

import polars as pl
import pytest

from refusals import refused
from scope.method.weights import SIGN, effective_sample_size, path_weights

PAPER = {"tau": 1.0, "student_weight": "high_ppl", "teacher_weight": "low_ppl", "scale": "sum"}
RELEASED = {"tau": 1.0, "student_weight": "low_ppl", "teacher_weight": "low_ppl", "scale": "mean"}
UNIFORM = {"student_weight": "uniform", "teacher_weight": "uniform"}
SCHEMA = {
    "prompt_id": pl.String,
    "correct": pl.Boolean,
    "student_mean_logprob": pl.Float64,
    "teacher_mean_logprob": pl.Float64,
}


def rollouts(*rows):
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def correct(*log_ppls, prompt="x"):
    """Correct rollouts by log PPL_S; nothing has scored them."""
    return rollouts(*((prompt, True, -log_ppl, None) for log_ppl in log_ppls))


def incorrect(*log_ppls, prompt="x"):
    """Incorrect rollouts by log PPL_T."""
    return rollouts(*((prompt, False, None, -log_ppl) for log_ppl in log_ppls))


def random_rollouts(seed, prompts=20, n=8):
    rng = random.Random(seed)
    rows = [
        (f"x{prompt}", rng.random() < 0.5, -4 * rng.random(), -4 * rng.random())
        for prompt in range(prompts)
        for _ in range(n)
    ]
    rng.shuffle(rows)
    return rollouts(*rows)


def weights(rows, **changes):
    return path_weights(rows, **{**PAPER, **changes})["weight"].to_list()


def logs(*values):
    return [math.log(value) for value in values]


def test_student_weights_of_figure_2():
    """Eq. 4 at tau = 1: PPL_S (1.2, 2.6, 3.8) gives (.158, .342, .500)."""
    assert weights(correct(*logs(1.2, 2.6, 3.8))) == pytest.approx([0.158, 0.342, 0.500], abs=5e-4)


def test_teacher_weights_of_figure_2():
    """Eq. 5 at tau = 1: PPL_T (4.5, 2.9, 1.7) gives (.192, .298, .509)."""
    assert weights(incorrect(*logs(4.5, 2.9, 1.7))) == pytest.approx([0.192, 0.298, 0.509], abs=6e-4)


def test_released_weights_reverse_the_student_path_and_have_mean_1():
    """The released code: softmax(-log PPL_S) times |Omega_c|, so figure 2's student weights turn round."""
    released = weights(correct(*logs(1.2, 2.6, 3.8)), **RELEASED)
    assert released == pytest.approx([3 * 0.563, 3 * 0.260, 3 * 0.178], abs=2e-3)
    assert sum(released) == pytest.approx(3)
    teacher = weights(incorrect(*logs(4.5, 2.9, 1.7)), **RELEASED)
    assert teacher == pytest.approx([3 * 0.192, 3 * 0.298, 3 * 0.509], abs=2e-3)


@pytest.mark.parametrize("tau", [0.25, 1.0, 3.0])
def test_weights_are_the_powers_of_equations_4_and_5(tau):
    """(4) w_stu(i) = PPL_S(i)^(1/tau) / sum_{Omega_c} PPL_S(j)^(1/tau);
    (5) w_tea(i) = PPL_T(i)^(-1/tau) / sum_{Omega_w} PPL_T(j)^(-1/tau)."""
    rows = random_rollouts(seed=1)
    power = [math.exp(-s) ** (1 / tau) if right else math.exp(-t) ** (-1 / tau) for _, right, s, t in rows.rows()]
    paths = [(prompt, right) for prompt, right, *_ in rows.rows()]
    totals = {path: sum(p for p, other in zip(power, paths, strict=True) if other == path) for path in paths}
    expected = [p / totals[path] for p, path in zip(power, paths, strict=True)]
    assert weights(rows, tau=tau) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("student_weight", ["high_ppl", "low_ppl", "uniform"])
@pytest.mark.parametrize("teacher_weight", ["high_ppl", "low_ppl", "uniform"])
def test_weights_of_each_path_of_each_prompt_sum_to_1_or_have_mean_1(student_weight, teacher_weight):
    """(19) sum_{Omega_c} w_stu = 1 and sum_{Omega_w} w_tea = 1, prompt by prompt."""
    rows = random_rollouts(seed=2)
    knobs = {"student_weight": student_weight, "teacher_weight": teacher_weight}
    for scale, figure in (("sum", pl.col("weight").sum()), ("mean", pl.col("weight").mean())):
        weighed = path_weights(rows, **{**PAPER, **knobs, "scale": scale})
        figures = weighed.group_by("prompt_id", "path").agg(figure)["weight"]
        assert figures.to_list() == pytest.approx([1.0] * len(figures), abs=1e-12)
        assert weighed["weight"].min() >= 0


@pytest.mark.parametrize("tau", [1e9, math.inf])
def test_large_tau_gives_uniform_weights(tau):
    assert weights(correct(0.1, 2.0, 5.0), tau=tau) == pytest.approx([1 / 3] * 3, abs=1e-8)
    assert weights(incorrect(0.1, 2.0, 5.0, 1.0), tau=tau) == pytest.approx([1 / 4] * 4, abs=1e-8)


@pytest.mark.parametrize("tau", [1e-3, 1e-12, 1e-300, 1e-308])
def test_small_tau_gives_the_whole_weight_to_the_extreme_rollout(tau):
    assert weights(correct(0.1, 5.0, 2.0), tau=tau) == [0, 1, 0]
    assert weights(incorrect(0.1, 5.0, 2.0), tau=tau) == [1, 0, 0]
    assert weights(correct(5.0, 0.1, 5.0), tau=tau) == [0.5, 0, 0.5]


def test_a_factor_common_to_all_perplexities_changes_nothing():
    for path in (correct, incorrect):
        assert weights(path(3.1, 4.2, 5.7)) == pytest.approx(weights(path(0.1, 1.2, 2.7)), rel=1e-12)


def test_the_only_rollout_of_a_path_has_weight_1():
    assert weights(correct(7.0)) == weights(incorrect(7.0)) == [1.0]


def test_an_empty_path_adds_no_row_and_leaves_the_other_path_alone():
    for path, name in ((correct, "correct"), (incorrect, "incorrect")):
        rows = path(0.5, 1.0, 1.5)
        weighed = path_weights(rows, **PAPER)
        assert weighed["path"].to_list() == [name] * 3
        other = (incorrect if path is correct else correct)(0.3, 0.9)
        assert weights(pl.concat([rows, other]))[:3] == pytest.approx(weighed["weight"].to_list())


def test_no_rollouts_give_no_weights():
    assert weights(rollouts()) == []


@pytest.mark.parametrize("tau", [0.1, 1.0])
def test_extreme_perplexities_neither_overflow_nor_vanish(tau):
    """PPL = exp(10000) is no float64; its weight is."""
    assert weights(correct(0.0, 1e4), tau=tau) == [0, 1]
    assert weights(incorrect(0.0, 1e4), tau=tau) == [1, 0]
    assert weights(correct(1e4, 1e4), tau=tau) == weights(incorrect(1e4, 1e4), tau=tau) == [0.5, 0.5]


def test_prompts_and_paths_never_mix():
    """Every path alone has the weights that it has among others, and rows keep their order."""
    rows = random_rollouts(seed=3)
    whole = path_weights(rows, **PAPER)
    assert whole.select(rows.columns).equals(rows)
    for _, group in whole.group_by("prompt_id", "path"):
        assert weights(group.select(rows.columns)) == pytest.approx(group["weight"].to_list(), rel=1e-12)


def test_rollouts_are_routed_by_their_verdict():
    rows = random_rollouts(seed=4)
    path = ["correct" if right else "incorrect" for right in rows["correct"]]
    assert path_weights(rows, **PAPER)["path"].to_list() == path


@pytest.mark.parametrize("value", [None, math.nan, -math.inf, 0.5])
def test_a_log_probability_that_makes_a_weight_must_be_finite_and_not_positive(value):
    good = correct(1.0, 2.0, prompt="good")
    for bad, column in ((("bad", True, value, -1.0), "student"), (("bad", False, -1.0, value), "teacher")):
        with refused("invalid-logprobs", f"{column}_mean_logprob of prompt 'bad'"):
            weights(pl.concat([good, rollouts(bad)]))


def test_a_path_does_not_need_the_other_model():
    rows = pl.concat([correct(1.0, 2.0), incorrect(1.0, 2.0)])
    assert rows["student_mean_logprob"].null_count() == rows["teacher_mean_logprob"].null_count() == 2
    assert all(map(math.isfinite, weights(rows)))


def test_a_column_that_no_path_needs_needs_no_type():
    """Polars gives a column of None alone the type Null."""
    for path, column in ((correct, "teacher_mean_logprob"), (incorrect, "student_mean_logprob")):
        rows = path(1.0, 2.0)
        assert weights(rows.with_columns(pl.lit(None).alias(column))) == weights(rows)


def test_uniform_weights_need_no_log_probabilities():
    rows = rollouts(*[("x", True, None, None)] * 4, *[("x", False, math.nan, None)] * 2)
    assert weights(rows, **UNIFORM) == [0.25] * 4 + [0.5] * 2


@pytest.mark.parametrize("tau", [0.0, -1.0, math.nan])
def test_tau_must_be_positive(tau):
    with refused("out-of-range", f"tau is {tau}"):
        weights(correct(1.0), tau=tau)


@pytest.mark.parametrize("name", ["student_weight", "teacher_weight", "scale"])
def test_an_unknown_name_is_an_error_that_lists_the_known_ones(name):
    with refused("invalid-value", f"{name} is 'ppl'", "sum, mean" if name == "scale" else ", ".join(SIGN)):
        weights(correct(1.0), **{name: "ppl"})


def test_effective_sample_size_runs_from_1_to_the_number_of_rollouts():
    """(sum w)^2 / sum w^2, whatever the weights sum to."""
    size = lambda *w: pl.DataFrame({"w": w}).select(effective_sample_size(pl.col("w"))).item()  # noqa: E731
    assert size(0.25, 0.25, 0.25, 0.25) == pytest.approx(4)
    assert size(0.0, 1.0, 0.0) == pytest.approx(1)
    assert size(0.5, 0.25, 0.25) == size(2.0, 1.0, 1.0) == pytest.approx(1 / 0.375)
