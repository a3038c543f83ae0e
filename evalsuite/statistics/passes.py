"""pass@k and pass^k: at least one, or all, of k answers right."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalsuite.statistics.matrix import is_binary, mean, score_matrix


def pass_at_k(count: ArrayLike, right: ArrayLike, k: int) -> NDArray[np.float64]:
    """Chance that at least one of k answers to a problem is right: 1 - C(n-c, k)/C(n, k).

    n is `count`, c is `right`. Arguments broadcast, shape (problems,). Unbiased for k up to n, NaN above: it is not
    known then.

    Reference: Chen et al., Evaluating large language models trained on code, arXiv 2107.03374, section 2.1, equation 1.

    >>> pass_at_k(10, [0, 1, 10], 5)
    array([0. , 0.5, 1. ])
    """
    count, right = np.asarray(count), np.asarray(right)
    return 1 - _all_from(count - right, count, k)


def pass_hat_k(count: ArrayLike, right: ArrayLike, k: int) -> NDArray[np.float64]:
    """Chance that all of k answers are right (pass^k): C(c, k)/C(n, k). Shapes and NaN as in `pass_at_k`.

    Reference: Yao et al., tau-bench, arXiv 2406.12045, section 3.

    >>> pass_hat_k(10, [0, 9, 10], 5)
    array([0. , 0.5, 1. ])
    """
    return _all_from(np.asarray(right), np.asarray(count), k)


def mean_pass(scores: ArrayLike, k: int, every: bool = False) -> float:
    """Mean over problems of pass@k, or of pass^k with `every`, from a 0/1 (seeds, problems) matrix.

    Problems with fewer than k completions are left out; NaN where all have, and for scores other than 0 and 1.

    >>> mean_pass([[1, 0], [0, 0]], 2), mean_pass([[1, 0], [0, 0]], 2, every=True)
    (0.5, 0.0)
    """
    matrix = score_matrix(scores)
    if not is_binary(matrix):
        return float("nan")
    count, right = (~np.isnan(matrix)).sum(axis=0), np.nansum(matrix, axis=0)
    return float(mean((pass_hat_k if every else pass_at_k)(count, right, k)))


def ladder(seeds: int) -> list[int]:
    """The k for which pass@k and maj@k are reported: 1, 2, 4, 8, ... up to the number of seeds, and that itself.

    >>> ladder(10), ladder(1), ladder(0)
    ([1, 2, 4, 8, 10], [1], [])
    """
    powers = [1 << power for power in range(seeds.bit_length())]
    return powers if not seeds or powers[-1] == seeds else [*powers, seeds]


def _all_from(part: NDArray, count: NDArray, k: int) -> NDArray[np.float64]:
    """Chance that k draws without replacement from `count` all fall into `part` of them: C(part, k)/C(count, k)."""
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    part, count = np.broadcast_arrays(part, count)
    chance = np.where(count >= k, 1.0, np.nan)
    for drawn in range(k):
        chance = chance * np.clip(part - drawn, 0, None) / np.maximum(count - drawn, 1)
    return chance
