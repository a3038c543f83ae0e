"""Many comparisons at once: Holm's and Benjamini-Hochberg's adjusted p values."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down p values: the chance of any false claim in the family stays below the level. Shape (tests,).

    The i-th smallest of m becomes the largest of (m - j + 1) p_j for j up to i, at most 1. NaN stays NaN and is not
    counted.

    Reference: Holm, Scandinavian Journal of Statistics 6 (1979).

    >>> holm([0.01, 0.04, 0.03, np.nan])
    array([0.03, 0.06, 0.06,  nan])
    """
    return _adjust(p_values, lambda p, rank, m: np.maximum.accumulate((m - rank) * p))


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """Benjamini-Hochberg's step-up p values: the expected share of false claims among the claims. Shape (tests,).

    The i-th smallest of m becomes the smallest of m p_j / j for j from i on. NaN stays NaN and is not counted.

    Reference: Benjamini and Hochberg, JRSS B 57 (1995); their example, section 3.2, rejects four of fifteen at 5 %
    (those above 0.3 stand here as 0.5, which changes nothing).

    >>> bh = benjamini_hochberg([.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344, .0459, *[.5] * 6])
    >>> int((bh <= 0.05).sum())
    4
    """
    return _adjust(p_values, lambda p, rank, m: np.minimum.accumulate((m * p / (rank + 1))[::-1])[::-1])


def _adjust(p_values: ArrayLike, rule) -> NDArray[np.float64]:
    p = np.asarray(p_values, dtype=np.float64)
    if ((p < 0) | (p > 1)).any():
        raise ValueError("p values lie in [0, 1]")
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    adjusted = np.full(p.shape, np.nan)
    adjusted[order] = np.minimum(rule(p[order], np.arange(order.size), order.size), 1.0)
    return adjusted
