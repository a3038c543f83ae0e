"""Output lengths of completions, by whether they are right, and the accuracy of those that were not truncated."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from evalsuite.statistics.matrix import mean


class Lengths(NamedTuple):
    """Output tokens of all, right and wrong completions, and the accuracy of those that were not truncated."""

    mean: float
    median: float
    p95: float
    mean_right: float
    mean_wrong: float
    accuracy_untruncated: float


def lengths(scores: ArrayLike, tokens: ArrayLike, truncated: ArrayLike) -> Lengths:
    """Describe output lengths; the three arrays have the same shape, (seeds, problems), NaN where unknown.

    A score of 1 is right, 0 is wrong; `truncated` is 1 for a completion that reached its token limit. Each value is
    computed over the completions for which it is known, and NaN if there are none. Percentiles interpolate linearly.

    >>> lengths([[1, 0, 0]], [[10, 30, 50]], [[0, 0, 1]])
    Lengths(mean=30.0, median=30.0, p95=48.0, mean_right=10.0, mean_wrong=40.0, accuracy_untruncated=0.5)
    """
    score, token, is_truncated = (np.asarray(values, dtype=np.float64) for values in (scores, tokens, truncated))
    if not score.shape == token.shape == is_truncated.shape:
        raise ValueError(f"shapes differ: scores {score.shape}, tokens {token.shape}, truncated {is_truncated.shape}")
    known = token[~np.isnan(token)]
    median, p95 = np.quantile(known, [0.5, 0.95]) if known.size else (np.nan, np.nan)
    parts = mean(known), median, p95, mean(token[score == 1]), mean(token[score == 0]), mean(score[is_truncated == 0])
    return Lengths(*map(float, parts))
