"""Two-level bootstrap: problems are resampled, then the completions of each drawn problem."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from evalsuite.statistics.intervals import Interval
from evalsuite.statistics.matrix import counts, is_binary, score_matrix

_CELLS = 4_000_000  # completions held at once while resampling scores that are not 0/1: 32 MB


def bootstrap_means(scores: ArrayLike, resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Means of `resamples` two-level resamples of a (seeds, problems) matrix: shape (resamples,).

    Each resample draws n problems with replacement, then for each of them K of its own completions with replacement;
    the mean is over all drawn completions. Resampling both levels slightly overcounts the noise of the seeds (by
    E[sigma^2]/(K n)), so intervals are a little too wide. NaN without problems.

    For 0/1 scores there are cheaper ways to draw from the same distribution. If all problems have K completions, the
    number of right ones is a sum of n independent counts, whose exact distribution a Fourier transform gives.
    Otherwise problems with the same c right of K completions share one binomial draw.

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


def percentile_interval(draws: ArrayLike, confidence: float = 0.95) -> Interval:
    """The interval that holds the middle `confidence` of the bootstrap draws; NaN if a draw is NaN.

    Reference: Efron, The jackknife, the bootstrap and other resampling plans (1982), section 10.4.

    >>> low, high = percentile_interval(np.arange(101))
    >>> round(float(low), 6), round(float(high), 6)
    (2.5, 97.5)
    """
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.asarray(draws, dtype=np.float64), [tail, 1 - tail])
    return Interval(low, high)


def _equal_means(matrix: NDArray, resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw from the exact distribution for 0/1 scores: the sum of n counts, each a mixture of binomials."""
    n, k = matrix.shape[1], int(counts(matrix)[0])
    right = np.nansum(matrix, axis=0)
    count = stats.binom.pmf(np.arange(k + 1), k, right[:, None] / k).mean(axis=0)  # (completions + 1,)
    total = np.fft.irfft(np.fft.rfft(count, n * k + 1) ** n, n * k + 1)  # probabilities of 0, 1, ..., n k right ones
    cumulative = np.cumsum(np.clip(total, 0, None))
    return np.searchsorted(cumulative, rng.random(resamples) * cumulative[-1], side="right") / (n * k)


def _ragged_means(matrix: NDArray, resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    kinds, problems = np.unique([counts(matrix), np.nansum(matrix, axis=0)], axis=1, return_counts=True)
    k, right = kinds.astype(int)  # each of shape (kinds,): completions and right completions of a kind of problem
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
        present = np.arange(seeds)[:, None, None] < k[problem]
        values = np.where(present, packed[seed, problem], 0.0)
        means.append(values.sum(axis=(0, 2)) / present.sum(axis=(0, 2)))
    return np.concatenate(means)
