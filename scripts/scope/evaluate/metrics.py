"""Accuracy from several samples per problem: avg@k, pass@k, best@k, and intervals over problems.

Shapes: P problems, N samples each. `correct` is a (P, N) matrix of verdicts, 0/1 or booleans; one row alone is one
problem. All results are shares between 0 and 1. Every figure is a mean of per-problem values, so one bootstrap over
problems serves all of them, and paired differences of two policies too.
"""

from math import perm

import numpy as np
from numpy.typing import ArrayLike

from scope.errors import InputError


def pass_at_k(n: int, c: int, k: int) -> float:
    """Unbiased chance that at least one of k samples is correct, when c of a problem's n samples are.

    1 - C(n - c, k) / C(n, k), the share of all k-subsets of the n samples with a correct one (Chen et al. 2021,
    arXiv 2107.03374, Eq. 1). The quotient is symmetric in c and k, which leaves products of min(c, k) factors; they
    are whole numbers until the one division, hence exact to rounding for any n.
    Raises InputError unless 0 <= c <= n and 0 <= k <= n.
    """
    if not (0 <= c <= n and 0 <= k <= n):
        raise InputError(
            f"pass@k needs 0 <= c <= n and 0 <= k <= n, not n={n}, c={c}, k={k}; sample at least k", "out-of-range"
        )
    few, many = sorted((c, k))
    ways = perm(n, few)
    return (ways - perm(n - many, few)) / ways


def pass_at_k_per_problem(correct: ArrayLike, k: int) -> np.ndarray:
    """`pass_at_k` of each problem: (P, N) verdicts to (P,) shares. Raises InputError when k > N."""
    verdicts = _verdicts(correct)
    n = verdicts.shape[1]
    by_count = np.array([pass_at_k(n, c, k) for c in range(n + 1)])
    return by_count[verdicts.sum(axis=1)]


def avg_at_k(correct: ArrayLike, k: int | None = None) -> float:
    """Mean correctness over the first k samples (None: all) of each problem, averaged over problems.

    Raises InputError when k < 1 or k > N.
    """
    verdicts = _verdicts(correct)
    k = _sample_count(k, verdicts)
    return float(verdicts[:, :k].mean())


def best_at_k_bootstrap(correct: ArrayLike, k: int, *, resamples: int = 1000, seed: int = 0) -> float:
    """best@k as verl reports it (`bootstrap_metric`, used by the released SCOPE code): a biased cousin of pass@k.

    Samples k of a problem's N outcomes WITH replacement, takes the best, averages over resamples and problems.
    pass@k samples without replacement and is unbiased; this one samples some outcomes twice and others never, so its
    expectation, 1 - (1 - c/N)^k, lies below pass@k for 0 < c < N and k > 1. With k = N it expects 1 - (1 - c/N)^N
    where pass@N is 1: one correct sample of 32 gives .638. Never compare the one with the other.
    Raises InputError when k < 1 or k > N.
    """
    return float(best_at_k_per_problem(correct, k, resamples=resamples, seed=seed).mean())


def best_at_k_per_problem(correct: ArrayLike, k: int, *, resamples: int = 1000, seed: int = 0) -> np.ndarray:
    """`best_at_k_bootstrap` of each problem: (P, N) verdicts to (P,) shares.

    How many of k samples with replacement are correct is binomial with share c/N; the best is 1 unless none is.
    """
    verdicts = _verdicts(correct)
    k = _sample_count(k, verdicts)
    resampled = np.random.default_rng(seed).binomial(k, verdicts.mean(axis=1), size=(resamples, len(verdicts)))
    return (resampled > 0).mean(axis=0)


def bootstrap_interval(
    values: ArrayLike, *, resamples: int = 2000, seed: int = 0, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile bootstrap interval of the mean over problems: problems are resampled, their values kept.

    `values` is (P,), or (P, M) for M figures of the same problems, such as avg and pass@k, or the paired difference
    of two policies. Returns (low, high), each of shape () or (M,). It covers the choice of problems only, not the
    choice of training seeds. Source: Efron and Tibshirani 1993, chapter 13. Raises InputError without problems.
    """
    values = np.asarray(values, dtype=float)
    problems = len(values)
    if problems == 0:
        raise InputError("an interval over problems needs at least one problem", "no-problems")
    rng = np.random.default_rng(seed)
    resampled = (rng.integers(problems, size=problems) for _ in range(resamples))
    means = np.stack([np.bincount(sample, minlength=problems) @ values / problems for sample in resampled])
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def share_interval(
    values: ArrayLike, *, bounds: tuple[float, float] = (0.0, 1.0), resamples: int = 2000, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """`bootstrap_interval` of figures within `bounds`, with an exact interval where all P problems have one value.

    There a resample never differs and the bootstrap's interval is a point. With probability 1 - level the share q of
    problems with another value could be as large as 1 - ((1 - level) / 2)^(1 / P) without any among P (Clopper and
    Pearson 1934, 0 of P); the mean could then lie that share of the way towards either bound.
    """
    values = np.asarray(values, dtype=float)
    low, high = bootstrap_interval(values, resamples=resamples, level=level)
    least, most = bounds
    mean, hidden = values.mean(axis=0), 1 - ((1 - level) / 2) ** (1 / len(values))
    constant = np.ptp(values, axis=0) == 0
    low = np.where(constant, mean + hidden * (least - mean), low)
    return low, np.where(constant, mean + hidden * (most - mean), high)


def _verdicts(correct: ArrayLike) -> np.ndarray:
    verdicts = np.atleast_2d(np.asarray(correct))
    if verdicts.ndim != 2 or verdicts.size == 0 or not np.isin(verdicts, (0, 1)).all():
        raise InputError(
            f"verdicts are a problems x samples matrix of 0 and 1, not {verdicts.dtype} {verdicts.shape}", "wrong-shape"
        )
    return verdicts.astype(int)


def _sample_count(k: int | None, verdicts: np.ndarray) -> int:
    n = verdicts.shape[1]
    if k is not None and not 1 <= k <= n:
        raise InputError(
            f"k must lie between 1 and the {n} samples of a problem, not {k}; take more samples", "out-of-range"
        )
    return n if k is None else k
