"""Two-level bootstrap: problems are resampled, then seeds within each drawn problem."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from evalsuite.statistics.intervals import Interval
from evalsuite.statistics.matrix import counts, is_binary, score_matrix

_CELLS = 4_000_000  # completions held at once while resampling scores that are not 0/1: 32 MB


def bootstrap_means(scores: ArrayLike, resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Means of `resamples` two-level resamples of a (seeds, problems) matrix: shape (resamples,).

    Each draws n problems with replacement, then each drawn problem's K completions with replacement among its own; the
    mean is over all completions drawn. Drawing both levels counts the seeds' noise a little more than once
    (by E[sigma^2]/(K n)), so intervals err on the wide side. NaN without problems.

    For 0/1 scores the same law is drawn from more cheaply: where all problems have K completions the number of right
    ones is a sum of n independent counts whose exact distribution a Fourier transform gives, else all problems of a
    kind, c right of K, are one binomial draw.

    Reference: Davison and Hinkley, Bootstrap methods and their application (1997), section 3.8, strategy 2.

    >>> bootstrap_means([[1, 1, 1]], 3, np.random.default_rng(0))
    array([1., 1., 1.])
    """
    matrix = score_matrix(scores)
    matrix = matrix[:, counts(matrix) > 0]
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, got {resamples}")
    if matrix.shape[1] == 0:
        return np.full(resamples, np.nan)
    if not is_binary(matrix):
        return _general_means(matrix, resamples, rng)
    k = counts(matrix)
    return (_equal_means if (k == k[0]).all() else _ragged_means)(matrix, resamples, rng)


def macro_means(tasks: Sequence[ArrayLike], resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Bootstrap means of the macro average over tasks, stratified: each task is resampled on its own.

    `tasks` holds one (seeds, problems) matrix a task; every task weighs the same. Shape (resamples,).

    Reference: Davison and Hinkley (1997), section 3.2 (several samples).

    >>> macro_means([[[1, 1]], [[0, 0, 0]]], 2, np.random.default_rng(0))
    array([0.5, 0.5])
    """
    if not len(tasks):
        return np.full(resamples, np.nan)
    return np.mean([bootstrap_means(task, resamples, rng) for task in tasks], axis=0)


def percentile_interval(draws: ArrayLike, confidence: float = 0.95) -> Interval:
    """Ends between which the middle `confidence` of the bootstrap draws lie; NaN where a draw is NaN.

    Reference: Efron, The jackknife, the bootstrap and other resampling plans (1982), section 10.4.

    >>> low, high = percentile_interval(np.arange(101))
    >>> round(float(low), 6), round(float(high), 6)
    (2.5, 97.5)
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.asarray(draws, dtype=np.float64), [tail, 1 - tail])
    return Interval(low, high)


def _equal_means(matrix: NDArray, resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draws from the exact law for 0/1 scores: each drawn problem's count is a mixture of binomials, n are added."""
    n, k = matrix.shape[1], int(counts(matrix)[0])
    right = np.nansum(matrix, axis=0)
    count = stats.binom.pmf(np.arange(k + 1), k, right[:, None] / k).mean(axis=0)  # (completions + 1,)
    total = np.fft.irfft(np.fft.rfft(count, n * k + 1) ** n, n * k + 1)  # chance of 0, 1, ..., n k right ones
    cumulative = np.cumsum(np.clip(total, 0, None))
    return np.searchsorted(cumulative, rng.random(resamples) * cumulative[-1], side="right") / (n * k)


def _ragged_means(matrix: NDArray, resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    kinds, problems = np.unique([counts(matrix), np.nansum(matrix, axis=0)], axis=1, return_counts=True)
    k, right = kinds.astype(int)  # each (kinds,): completions, and right ones, of a kind of problem
    drawn = rng.multinomial(problems.sum(), problems / problems.sum(), size=resamples)  # (resamples, kinds)
    return rng.binomial(drawn * k, right / k).sum(axis=1) / (drawn * k).sum(axis=1)


def _general_means(matrix: NDArray, resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    seeds, n = matrix.shape
    k = counts(matrix)
    packed = np.take_along_axis(matrix, np.argsort(np.isnan(matrix), axis=0, kind="stable"), axis=0)
    means, step = [], max(1, _CELLS // (seeds * n))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        problem = rng.integers(n, size=(size, n))  # (resamples, problems)
        seed = (rng.random((seeds, size, n)) * k[problem]).astype(int)  # (seeds, resamples, problems)
        there = np.arange(seeds)[:, None, None] < k[problem]
        values = np.where(there, packed[seed, problem], 0.0)
        means.append(values.sum(axis=(0, 2)) / there.sum(axis=(0, 2)))
    return np.concatenate(means)
