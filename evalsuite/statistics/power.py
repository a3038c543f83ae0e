"""The power of a comparison: its minimum detectable effect, and the problems or seeds that would settle it.

For a paired comparison of a and b on n problems with K seeds, Var(difference) = (omega^2 + sigma_A^2/K_A +
sigma_B^2/K_B)/n, where omega^2 is the variance over problems of the true difference and sigma^2 the mean within-problem
variance of a score.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats


def detectable(stderr: ArrayLike, alpha: float = 0.05, power: float = 0.8) -> NDArray[np.float64]:
    """Smallest true difference that a two-sided test at `alpha` detects with probability `power`.

    (z_alpha/2 + z_beta) * stderr, with the `stderr` of the difference, any shape.

    Reference: Miller, arXiv 2411.00640, section 5 (power analysis).

    >>> detectable(0.01).round(4)
    np.float64(0.028)
    """
    return _quantiles(alpha, power) * np.asarray(stderr, dtype=np.float64)


def minimum_detectable_effect(
    n: ArrayLike,
    omega2: ArrayLike,
    sigma2_a: ArrayLike,
    sigma2_b: ArrayLike,
    k_a: ArrayLike = 1,
    k_b: ArrayLike = 1,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
) -> NDArray:
    """Minimum detectable effect of n problems with k_a and k_b seeds. Arguments broadcast.

    Reference: Miller, arXiv 2411.00640, section 5: GPQA-sized n = 198, omega^2 = 1/9, sigma^2 = 1/6 each.

    >>> (100 * minimum_detectable_effect(198, 1/9, 1/6, 1/6, [1, 10], [1, 10])).round(2)
    array([13.27,  7.57])
    """
    total = np.asarray(omega2) + np.divide(sigma2_a, k_a) + np.divide(sigma2_b, k_b)
    return detectable(np.sqrt(total / np.asarray(n)), alpha, power)


def problems_needed(
    effect: ArrayLike,
    omega2: ArrayLike,
    sigma2_a: ArrayLike,
    sigma2_b: ArrayLike,
    k_a: ArrayLike = 1,
    k_b: ArrayLike = 1,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
) -> NDArray:
    """Number of problems at which the minimum detectable effect is `effect`; inf if `effect` is 0, NaN if unknown.

    Reference: Miller, arXiv 2411.00640, section 5: an effect of 3 points with omega^2 = 1/9 and no sampling noise.

    >>> problems_needed(0.03, 1/9, 0, 0)
    np.float64(969.0)
    """
    total = np.asarray(omega2) + np.divide(sigma2_a, k_a) + np.divide(sigma2_b, k_b)
    effect2 = np.asarray(effect, dtype=np.float64) ** 2
    needed = np.divide(
        _quantiles(alpha, power) ** 2 * total,
        effect2,
        out=np.full(np.broadcast(total, effect2).shape, np.inf),
        where=effect2 != 0,
    )
    return np.ceil(np.where(np.isnan(total) | np.isnan(effect2), np.nan, needed) - 1e-9)[()]


def seeds_needed(
    effect: ArrayLike,
    n: ArrayLike,
    omega2: ArrayLike,
    sigma2_a: ArrayLike,
    sigma2_b: ArrayLike,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
) -> NDArray[np.float64]:
    """Number of seeds of both at which the minimum detectable effect is `effect`; inf if n problems are too few.

    K = (sigma_A^2 + sigma_B^2) / (n effect^2 / (z_alpha/2 + z_beta)^2 - omega^2), rounded up, at least 1. With omega^2
    = 0, the result holds for exactly these problems. NaN if an argument is.

    Reference: Miller, arXiv 2411.00640, section 5, solved for K.

    >>> seeds_needed([0.0757, 0.05], 198, 1/9, 1/6, 1/6)
    array([10., inf])
    """
    reach2 = (np.asarray(effect, dtype=np.float64) / _quantiles(alpha, power)) ** 2
    room = np.asarray(n) * reach2 - np.asarray(omega2)
    noise = np.asarray(sigma2_a, dtype=np.float64) + np.asarray(sigma2_b)
    room, noise = np.broadcast_arrays(room, noise)
    needed = np.divide(noise, room, out=np.full(room.shape, np.inf), where=room > 0)
    needed = np.where(np.isnan(room + noise), np.nan, np.maximum(np.ceil(needed - 1e-9), 1.0))
    return needed[()]


def _quantiles(alpha: float, power: float) -> float:
    if not (0 < alpha < 1 and 0 < power < 1):
        raise ValueError("alpha and power must lie strictly between 0 and 1")
    return float(stats.norm.isf(alpha / 2) + stats.norm.ppf(power))
