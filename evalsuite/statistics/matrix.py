"""The score matrix: its validation, and the NaN-aware means and variances that all estimators use."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

# A spread below this is rounding, not data: accuracies are ratios of counts, so real differences are far larger.
ROUNDING = 1e-12


def score_matrix(scores: ArrayLike) -> NDArray[np.float64]:
    """Return the scores as a float matrix of shape (seeds, problems).

    Raises ValueError unless there are two axes and every score is finite or NaN (missing).

    >>> score_matrix([[1, 0], [1, None]])
    array([[ 1.,  0.],
           [ 1., nan]])
    """
    matrix = np.asarray(scores, dtype=np.float64)
    if matrix.ndim != 2:
        raise ValueError(f"scores need the shape (seeds, problems), got {matrix.ndim} axes")
    if np.isinf(matrix).any():
        raise ValueError("scores must be finite, or NaN where a completion is missing")
    return matrix


def is_binary(scores: ArrayLike) -> bool:
    """Whether every score that is not missing is 0 or 1.

    >>> is_binary([[1, 0], [np.nan, 1]]), is_binary([[0.5, 1]])
    (True, False)
    """
    matrix = np.asarray(scores, dtype=np.float64)
    return bool((np.isnan(matrix) | (matrix == 0) | (matrix == 1)).all())


def mean(values: ArrayLike, axis: int | None = None) -> NDArray[np.float64]:
    """Mean of the values that are not NaN; NaN, without a warning, if there are none.

    >>> mean([[1, np.nan], [0, np.nan]], axis=0)
    array([0.5, nan])
    """
    values = np.asarray(values, dtype=np.float64)
    count = (~np.isnan(values)).sum(axis=axis)
    return _divide(np.nansum(values, axis=axis), count)


def variance(values: ArrayLike, axis: int | None = None) -> NDArray[np.float64]:
    """Unbiased variance (ddof 1) of the values that are not NaN; NaN if there are fewer than two.

    Equal values give exactly 0, because all are shifted by the first one before they are squared.

    >>> variance([0.1, 0.1, 0.1]), variance([0.1])
    (np.float64(0.0), np.float64(nan))
    """
    values = np.asarray(values, dtype=np.float64)
    if axis is None:
        values, axis = values.ravel(), 0
    count = (~np.isnan(values)).sum(axis=axis)
    if values.shape[axis] == 0:
        return np.full(count.shape, np.nan)[()]
    shifted = values - np.take_along_axis(values, _first(values, axis), axis)
    squares = np.nansum((shifted - np.expand_dims(mean(shifted, axis), axis)) ** 2, axis=axis)
    return _divide(squares, np.where(count > 1, count - 1, 0))


def counts(scores: ArrayLike) -> NDArray[np.int64]:
    """The number of completions of each problem: shape (problems,) from (seeds, problems).

    >>> counts([[1, 0], [1, np.nan]])
    array([2, 1])
    """
    return (~np.isnan(score_matrix(scores))).sum(axis=0)


def problem_means(scores: ArrayLike) -> NDArray[np.float64]:
    """Mean score of each problem over its seeds: shape (problems,) from (seeds, problems).

    >>> problem_means([[1, 0], [0, np.nan]])
    array([0.5, 0. ])
    """
    return mean(score_matrix(scores), axis=0)


def seed_means(scores: ArrayLike) -> NDArray[np.float64]:
    """Accuracy of each seed over its problems: shape (seeds,) from (seeds, problems).

    >>> seed_means([[1, 0], [0, np.nan]])
    array([0.5, 0. ])
    """
    return mean(score_matrix(scores), axis=1)


def mean_accuracy(scores: ArrayLike) -> float:
    """Mean over all completions of a (seeds, problems) matrix; avg@K if none is missing.

    >>> mean_accuracy([[1, 0], [1, np.nan]])
    0.6666666666666666
    """
    return float(mean(score_matrix(scores)))


def _first(values: NDArray, axis: int) -> NDArray[np.int64]:
    """Index of the first value along `axis` that is not NaN (0 if there is none); the axis is kept."""
    return np.expand_dims(np.argmax(~np.isnan(values), axis=axis), axis)


def _divide(numerator: ArrayLike, denominator: ArrayLike) -> NDArray[np.float64]:
    """Divide; the quotient is NaN, without a warning, where the denominator is 0."""
    numerator, denominator = np.broadcast_arrays(np.asarray(numerator, np.float64), denominator)
    return np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator != 0)[()]
