"""Paired comparisons, averages over tasks (each task has the same weight), and corrections for many comparisons."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from evalsuite.statistics.intervals import t_interval
from evalsuite.statistics.matrix import ROUNDING, mean, variance


class Paired(NamedTuple):
    """Number of shared problems, mean difference, its standard error, interval and p value, each of shape (pairs,)."""

    n: NDArray[np.int64]
    difference: NDArray[np.float64]
    stderr: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p_value: NDArray[np.float64]


def paired_t(differences: ArrayLike, confidence: float = 0.95) -> Paired:
    """Paired t test over problems; null hypothesis: the mean difference on problems like these is 0, two-sided.

    `differences` of problem means, shape (pairs, problems). stderr = sd(d)/sqrt(n) with ddof 1, t = mean(d)/stderr with
    n - 1 degrees of freedom. If all differences are equal, t is undefined and the p value is the exact one of the
    sign-flip test, 2^(1-n), or 1 if all are 0. NaN below two problems.

    Reference: Miller, arXiv 2411.00640, section 4.2 (paired differences). Values: Fisher, The design of experiments
    (1935), chapter III, Darwin's 15 pairs of maize, in eighths of an inch: t = 2.148, just above the 5% point 2.145.

    >>> darwin = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    >>> test = paired_t([darwin])
    >>> (test.difference / test.stderr).round(3), test.p_value.round(4)
    (array([2.148]), array([0.0497]))
    """
    d = np.atleast_2d(np.asarray(differences, dtype=np.float64))
    n, difference = (~np.isnan(d)).sum(axis=1), mean(d, axis=1)
    stderr = _rounded(np.sqrt(variance(d, axis=1) / np.maximum(n, 1)))
    t = np.divide(difference, stderr, out=np.full(n.shape, np.nan), where=stderr > 0)
    p = 2 * stats.t.sf(np.abs(t), np.maximum(n - 1, 1))
    p_constant = np.where(np.abs(difference) > ROUNDING, 0.5 ** (n - 1.0), 1.0)
    return Paired(
        n, difference, stderr, *t_interval(difference, stderr, n, confidence), np.where(stderr == 0, p_constant, p)
    )


def fixed_problems(
    means: tuple[ArrayLike, ArrayLike],
    variances: tuple[ArrayLike, ArrayLike],
    counts: tuple[ArrayLike, ArrayLike],
    confidence: float = 0.95,
) -> Paired:
    """Test on exactly these problems; null hypothesis: equal true accuracy on them, only sampling varies, two-sided.

    For a and b: problem means, unbiased within-problem variances and completions, each of shape (pairs, problems) with
    NaN (count 0) where missing. Var(difference) = (1/n^2) sum over problems of (s_A^2/K_A + s_B^2/K_B); z interval and
    p value. NaN if a variance is unknown (K = 1). If all seeds agree on every problem, the variance is 0 and z is
    undefined; the p value then uses the variance pooled over both, as under the null hypothesis.

    With K = 2, the variance estimate is rough for few problems; from about 30 on, the interval keeps its level.

    Reference: Miller, arXiv 2411.00640, section 3.1 (conditional variance), with the problems held fixed.

    >>> fixed_problems(([[0.5, 1]], [[0, 0.5]]), ([[0.5, 0]], [[0, 0.5]]), ([[2, 2]], [[2, 2]])).stderr.round(4)
    array([0.3536])
    """
    (xa, xb), (va, vb), (ka, kb) = (
        [np.atleast_2d(np.asarray(v, float)) for v in both] for both in (means, variances, counts)
    )
    d = xa - xb
    shared, n = ~np.isnan(d), (~np.isnan(d)).sum(axis=1)
    ka, kb = np.where(shared, ka, np.nan), np.where(shared, kb, np.nan)
    total = np.where(shared, va / ka + vb / kb, 0.0).sum(axis=1)
    difference, stderr = mean(d, axis=1), _rounded(np.sqrt(total) / np.where(n > 0, n, np.nan))
    spread = np.where(stderr > 0, stderr, _pooled_stderr(d, (va, vb), (ka, kb)))
    z = np.divide(difference, spread, out=np.zeros(n.shape), where=(spread > 0) & ~np.isnan(stderr))
    half = stats.norm.ppf((1 + confidence) / 2) * stderr
    p = np.where(np.isnan(stderr), np.nan, 2 * stats.norm.sf(np.abs(z)))
    return Paired(n, difference, stderr, difference - half, difference + half, p)


def _pooled_stderr(
    d: NDArray, variances: tuple[NDArray, NDArray], counts: tuple[NDArray, NDArray]
) -> NDArray[np.float64]:
    """Standard error, shape (pairs,), under the null hypothesis that both have the same variance on each problem."""
    (va, vb), (ka, kb) = variances, counts
    squares = (ka - 1) * va + (kb - 1) * vb + d**2 * ka * kb / (ka + kb)
    pooled = squares / np.maximum(ka + kb - 1, 1) * (1 / ka + 1 / kb)
    return np.sqrt(np.nansum(pooled, axis=1)) / np.maximum((~np.isnan(d)).sum(axis=1), 1)


def _rounded(stderr: NDArray) -> NDArray[np.float64]:
    """Set standard errors that are only rounding errors to 0."""
    return np.where(stderr <= ROUNDING, 0.0, stderr)


def macro_difference(
    differences: ArrayLike, stderrs: ArrayLike, problems: ArrayLike, confidence: float = 0.95
) -> Paired:
    """Mean over tasks of paired differences; null hypothesis: it is 0 on problems like these, two-sided.

    `differences`, their `stderrs` and the shared `problems` have the shape (pairs, tasks), with NaN where a pair has no
    results for a task. stderr = sqrt(sum stderr_t^2)/T over T tasks, and a t test with Satterthwaite's degrees of
    freedom, (sum stderr_t^2)^2 / sum(stderr_t^4/(n_t - 1)). `n` of the result counts tasks. NaN if the stderr of a task
    is unknown, or all are 0. With infinite `problems` it is the z test, for tests on exactly these problems.

    Reference: Satterthwaite, Biometrics Bulletin 2 (1946); strata as in Cochran, Sampling techniques (1977), chapter 5.

    >>> found = macro_difference([[0.1, 0.3]], [[0.03, 0.04]], [[np.inf, np.inf]])
    >>> found.difference.round(3), found.stderr.round(3)
    (array([0.2]), array([0.025]))
    """
    d, se, n = (np.atleast_2d(np.asarray(values, dtype=np.float64)) for values in (differences, stderrs, problems))
    present, tasks = ~np.isnan(d), (~np.isnan(d)).sum(axis=1)
    squares = np.where(present, se**2, 0.0)
    total, fourth = squares.sum(axis=1), np.where(present, squares**2 / np.maximum(n - 1, 1), 0.0).sum(axis=1)
    stderr = np.sqrt(total) / np.where(tasks > 0, tasks, np.nan)
    degrees = np.divide(total**2, fourth, out=np.full(total.shape, np.inf), where=fourth > 0)
    difference, known = mean(d, axis=1), stderr > ROUNDING
    t = np.divide(difference, stderr, out=np.full(stderr.shape, np.nan), where=known)
    half = stats.t.ppf((1 + confidence) / 2, degrees) * np.where(known, stderr, np.nan)
    return Paired(tasks, difference, stderr, difference - half, difference + half, 2 * stats.t.sf(np.abs(t), degrees))


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down p values, which control the family-wise error rate. Shape (tests,).

    The i-th smallest of m becomes the largest of (m - j + 1) p_j for j up to i, at most 1. NaN stays NaN and is not
    counted.

    Reference: Holm, Scandinavian Journal of Statistics 6 (1979).

    >>> holm([0.01, 0.04, 0.03, np.nan])
    array([0.03, 0.06, 0.06,  nan])
    """
    return _adjust(p_values, lambda p, rank, m: np.maximum.accumulate((m - rank) * p))


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """Benjamini and Hochberg's step-up p values, which control the false discovery rate. Shape (tests,).

    The i-th smallest of m becomes the smallest of m p_j / j for j from i on. NaN stays NaN and is not counted.

    Reference: Benjamini and Hochberg, JRSS B 57 (1995); their example, section 3.2, rejects four of fifteen at 5%
    (those above 0.3 are written as 0.5, which changes nothing).

    >>> bh = benjamini_hochberg([.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344, .0459, *[.5] * 6])
    >>> int((bh <= 0.05).sum())
    4
    """
    return _adjust(p_values, lambda p, rank, m: np.minimum.accumulate((m * p / (rank + 1))[::-1])[::-1])


def _adjust(p_values: ArrayLike, rule) -> NDArray[np.float64]:
    p = np.asarray(p_values, dtype=np.float64)
    if ((p < 0) | (p > 1)).any():
        raise ValueError("p values must lie in [0, 1]")
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    adjusted = np.full(p.shape, np.nan)
    adjusted[order] = np.minimum(rule(p[order], np.arange(order.size), order.size), 1.0)
    return adjusted
