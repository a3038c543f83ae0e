"""The selection bias of the best of many scores: it was selected by its score, which was partly chance."""

import numpy as np
from numpy.typing import ArrayLike

_CELLS = 4_000_000  # means held at once: 32 MB


def best_of_many(means: ArrayLike, splits: int, rng: np.random.Generator) -> float:
    """Estimate by how much the highest of several means over the same problems is biased upwards, by split halves.

    `means` has shape (candidates, problems); problems that are NaN for a candidate are left out for all. The best on a
    random half of the problems is scored on the other half, both ways and over `splits` splits. The mean gap is an
    unbiased estimate of the bias of selecting by n/2 problems. Noise falls with sqrt(n), so it is divided by sqrt(2),
    which is exact if the candidates differ by chance alone, and conservative if they differ in skill. In units of the
    scores, at least 0; NaN below two candidates or four shared problems.

    Reference: Stone, JRSS B 36 (1974), on selecting by one part of the data and assessing on the other.

    >>> best_of_many([[1, 1, 1, 1], [0, 0, 0, 0]], 10, np.random.default_rng(0))
    0.0
    """
    x = np.atleast_2d(np.asarray(means, dtype=np.float64))
    x = x[:, ~np.isnan(x).any(axis=0)]
    candidates, n = x.shape
    if candidates < 2 or n < 4:
        return float("nan")
    gaps = []
    for start in range(0, splits, step := max(1, _CELLS // (n + candidates))):
        order = rng.permuted(np.tile(np.arange(n) < n // 2, (min(step, splits - start), 1)), axis=1)  # (splits, n)
        one, other = (x @ half.T / half.sum(axis=1) for half in (order.astype(float), (~order).astype(float)))
        gaps += [_gap(one, other), _gap(other, one)]
    return max(0.0, float(np.concatenate(gaps).mean() / np.sqrt(2)))


def _gap(chosen_by: np.ndarray, scored_by: np.ndarray) -> np.ndarray:
    """By how much the best on one half scores lower on the other: (splits,) from two of (candidates, splits)."""
    best = chosen_by.argmax(axis=0), np.arange(chosen_by.shape[1])
    return chosen_by[best] - scored_by[best]
