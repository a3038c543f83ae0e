"""Averages over tasks: every task weighs the same, tasks are independent."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from evalsuite.statistics.matrix import ROUNDING, mean
from evalsuite.statistics.paired import Paired


def macro_difference(
    differences: ArrayLike, stderrs: ArrayLike, problems: ArrayLike, confidence: float = 0.95
) -> Paired:
    """Mean over tasks of paired differences; null hypothesis: it is 0 on problems like these, two-sided.

    `differences`, their `stderrs` and the shared `problems`, each of shape (pairs, tasks), NaN where a pair lacks a
    task. stderr = sqrt(sum stderr_t^2)/T over T tasks, and a t test with Satterthwaite's degrees of freedom,
    (sum stderr_t^2)^2 / sum(stderr_t^4/(n_t - 1)). `n` of the result counts tasks. NaN where a task's stderr is
    unknown, or all are 0. With `problems` infinite it is the z test, for tests on these very problems.

    Reference: Satterthwaite, Biometrics Bulletin 2 (1946); strata as in Cochran, Sampling techniques (1977), chapter 5.

    >>> found = macro_difference([[0.1, 0.3]], [[0.03, 0.04]], [[np.inf, np.inf]])
    >>> found.difference.round(3), found.stderr.round(3)
    (array([0.2]), array([0.025]))
    """
    d, se, n = (np.atleast_2d(np.asarray(values, dtype=np.float64)) for values in (differences, stderrs, problems))
    there, tasks = ~np.isnan(d), (~np.isnan(d)).sum(axis=1)
    squares = np.where(there, se**2, 0.0)
    total, fourth = squares.sum(axis=1), np.where(there, squares**2 / np.maximum(n - 1, 1), 0.0).sum(axis=1)
    stderr = np.sqrt(total) / np.where(tasks > 0, tasks, np.nan)
    degrees = np.divide(total**2, fourth, out=np.full(total.shape, np.inf), where=fourth > 0)
    difference, known = mean(d, axis=1), stderr > ROUNDING
    t = np.divide(difference, stderr, out=np.full(stderr.shape, np.nan), where=known)
    half = stats.t.ppf((1 + confidence) / 2, degrees) * np.where(known, stderr, np.nan)
    return Paired(tasks, difference, stderr, difference - half, difference + half, 2 * stats.t.sf(np.abs(t), degrees))
