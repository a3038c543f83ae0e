"""Exact tests without assumptions on the distribution: sign flips over problems, and McNemar's test for one seed."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

EXACT_UP_TO = 15  # all 2^14 sign patterns (symmetry fixes the first sign) cost less than the random ones
_TOLERANCE = 1e-9  # sums that differ by less are equal up to rounding
_CELLS = 4_000_000  # sums held at once: 32 MB


def sign_flip(differences: ArrayLike, flips: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """p values of the sign-flip test; null hypothesis: each problem's difference is symmetric around 0, two-sided.

    `differences` of problem means, shape (pairs, problems), NaN where not shared; returns shape (pairs,). Exact, over
    all sign patterns, for pairs with at most 15 differences other than 0 (zeros do not change a sum); otherwise (1 +
    patterns at least as extreme) / (1 + flips) over random ones, the same for all pairs. NaN without problems.

    Reference: Fisher, The design of experiments (1935), chapter III: of 32,768 patterns 863 reach Darwin's sum of 314,
    so p = 2 * 863/32768; Phipson and Smyth, SAGMB 9 (2010), for the added one.

    >>> darwin = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    >>> sign_flip([darwin], 1000, np.random.default_rng(0)) * 32768 / 2
    array([863.])
    """
    d = np.atleast_2d(np.asarray(differences, dtype=np.float64))
    p = np.where((~np.isnan(d)).any(axis=1), 1.0, np.nan)
    d = np.nan_to_num(d)
    nonzero = (np.abs(d) > _TOLERANCE).sum(axis=1)
    for size in np.unique(nonzero[(nonzero > 0) & (nonzero <= EXACT_UP_TO)]):
        rows = np.flatnonzero(nonzero == size)
        packed = -np.sort(-np.abs(d[rows]), axis=1)[:, :size]  # the signs are irrelevant, because all are flipped
        p[rows] = _all_patterns(packed, np.abs(d[rows].sum(axis=1)))
    many = np.flatnonzero(nonzero > EXACT_UP_TO)
    if many.size:
        p[many] = (1 + _random_patterns(d[many], flips, rng)) / (1 + flips)
    return p


def mcnemar(differences: ArrayLike) -> NDArray[np.float64]:
    """Exact McNemar test of one seed each; null hypothesis: only a and only b are right equally often, two-sided.

    `differences` of 0/1 scores (values -1, 0, 1), shape (pairs, problems), NaN where not shared; returns shape
    (pairs,). With m of M disagreements on the rarer side, p = min(1, 2 P(Binomial(M, 1/2) <= m)); 1 without
    disagreement. NaN without problems.

    Reference: McNemar, Psychometrika 12 (1947); exact form in Agresti, Categorical data analysis, 3rd edition (2013),
    section 11.1, whose table of 1600 voters has 150 and 86 changes of mind.

    >>> mcnemar([[1] * 150 + [-1] * 86 + [0] * 1364]).round(7)
    array([3.72e-05])
    """
    d = np.atleast_2d(np.asarray(differences, dtype=np.float64))
    if not np.isin(d[~np.isnan(d)], (-1, 0, 1)).all():
        raise ValueError("McNemar's test compares single answers: differences must be -1, 0 or 1")
    a, b = (d == 1).sum(axis=1), (d == -1).sum(axis=1)
    p = np.minimum(1.0, 2 * stats.binom.cdf(np.minimum(a, b), a + b, 0.5))
    return np.where((~np.isnan(d)).any(axis=1), p, np.nan)


def _all_patterns(sizes: NDArray, sums: NDArray) -> NDArray[np.float64]:
    """The share of sign patterns of (pairs, m) absolute differences whose absolute sum is at least `sums`."""
    m = sizes.shape[1]
    signs = 1.0 - 2.0 * ((np.arange(1 << (m - 1))[:, None] >> np.arange(m)) & 1)  # (patterns, m)
    shares, step = [], max(1, _CELLS // len(signs))
    for start in range(0, len(sizes), step):
        part = np.abs(sizes[start : start + step] @ signs.T)  # (pairs, patterns)
        shares.append((part >= sums[start : start + step, None] - _TOLERANCE).mean(axis=1))
    return np.concatenate(shares)


def _random_patterns(d: NDArray, flips: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The number of `flips` random sign patterns whose absolute sum is at least that of the pair itself."""
    reached, bound = np.zeros(len(d), dtype=np.int64), np.abs(d.sum(axis=1)) - _TOLERANCE
    for start in range(0, flips, step := max(1, _CELLS // (len(d) + d.shape[1]))):
        signs = 1.0 - 2.0 * rng.integers(0, 2, size=(min(step, flips - start), d.shape[1]), dtype=np.int8)
        reached += (np.abs(d @ signs.T) >= bound[:, None]).sum(axis=1)
    return reached
