"""The two sources of noise in the mean of one configuration: the seeds, and the choice of the problems.

They answer different questions, so both are reported. K seeds of n problems are never K*n independent draws.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from evalsuite.statistics.intervals import t_interval
from evalsuite.statistics.matrix import counts, mean, mean_accuracy, problem_means, score_matrix, seed_means, variance


class SeedNoise(NamedTuple):
    """Spread of the accuracies per seed: `std` and `sem` (ddof 1), and the t interval `low` to `high` of their mean."""

    std: float
    sem: float
    low: float
    high: float


class ProblemNoise(NamedTuple):
    """Standard error over the problem means, and the t interval `low` to `high` around the mean of all completions."""

    stderr: float
    low: float
    high: float


class VarianceSplit(NamedTuple):
    """Var(x) `between` problems, E[sigma^2] `within` them, and `of_mean` = (between + within/K)/n."""

    between: float
    within: float
    of_mean: float


def seed_noise(scores: ArrayLike, confidence: float = 0.95) -> SeedNoise:
    """The noise of running again on the same problems, from a (seeds, problems) matrix.

    std is the standard deviation (ddof 1) of the accuracies of the seeds, sem = std/sqrt(seeds), and the interval is
    the t interval with seeds - 1 degrees of freedom around their mean. All are NaN below two seeds, because one run
    says nothing about its noise.

    Reference: Student (1908); for its use here Hochlehnert et al., A sober look at progress in language model
    reasoning, arXiv 2504.07086, section 3.

    >>> seed_noise([[1, 0, 1, 0], [1, 1, 1, 0]]).std.round(4)
    np.float64(0.1768)
    """
    accuracies = seed_means(scores)
    seeds = int((~np.isnan(accuracies)).sum())
    std = np.sqrt(variance(accuracies))
    sem = std / np.sqrt(max(seeds, 1))
    return SeedNoise(std, sem, *t_interval(mean(accuracies), sem, seeds, confidence))


def clustered_stderr(scores: ArrayLike) -> float:
    """Standard error of the mean for problems like these: sd(x_bar)/sqrt(n) over the problem means, ddof 1.

    Shape (seeds, problems). A problem is a cluster and its completions are the members, so more seeds reduce it only as
    far as they reduce the noise of x_bar. NaN with fewer than two problems.

    Reference: Miller, Adding error bars to evals, arXiv 2411.00640, sections 2.1 (one seed) and 3.1 (resampling).

    >>> clustered_stderr([[1, 0, 1, 0], [1, 0, 1, 0]]) == clustered_stderr([[1, 0, 1, 0]])
    True
    """
    x = problem_means(scores)
    n = int((~np.isnan(x)).sum())
    return float(np.sqrt(variance(x) / max(n, 1)))


def problem_noise(scores: ArrayLike, confidence: float = 0.95) -> ProblemNoise:
    """The noise of the choice of problems: `clustered_stderr` and its t interval with n - 1 degrees of freedom.

    Shape (seeds, problems). NaN with fewer than two problems. The t interval keeps its level from about 200 problems
    on, and from fewer if the mean is not near 0 or 1; with 30 problems and a mean of 0.94 it covers only 85% to 87%.
    There, report `intervals.score_interval` instead.

    Reference: Miller, arXiv 2411.00640, sections 2 and 3.

    >>> noise = problem_noise([[1, 0, 1, 1]])
    >>> round(noise.stderr, 2), round(noise.low, 3), round(noise.high, 3)
    (0.25, -0.046, 1.546)
    """
    n = int((counts(scores) > 0).sum())
    stderr = clustered_stderr(scores)
    low, high = t_interval(mean_accuracy(scores), stderr, n, confidence)
    return ProblemNoise(stderr, float(low), float(high))


def within_variances(scores: ArrayLike) -> np.ndarray:
    """Unbiased variance of each problem's scores over its seeds: shape (problems,) from (seeds, problems).

    A problem with one completion gets the mean variance of the others, because its noise is unknown but not 0. All are
    NaN if no problem has two completions.

    >>> within_variances([[1, 0, 1], [0, 0, np.nan]])
    array([0.5 , 0.  , 0.25])
    """
    own = variance(score_matrix(scores), axis=0)
    return np.where(np.isnan(own) & (counts(scores) > 0), mean(own), own)


def variance_split(scores: ArrayLike) -> VarianceSplit:
    """Split the variance of the mean into the parts of problems and of seeds: (Var(x) + E[sigma^2]/K)/n.

    Shape (seeds, problems). `within` is the mean unbiased variance of a problem's scores; `between` is Var(x_bar)
    minus the noise of the seeds, mean(sigma^2/K); it is unbiased, and therefore sometimes slightly negative. NaN with
    fewer than two seeds or two problems.

    Reference: Miller, arXiv 2411.00640, section 3.1.

    >>> split = variance_split([[1, 0, 1, 0], [1, 0, 0, 0]])
    >>> split.within, round(split.between, 4), round(split.of_mean, 4)
    (0.125, 0.1667, 0.0573)
    """
    k, sigma2 = counts(scores), within_variances(scores)
    present = k > 0
    within = float(mean(sigma2[present]))
    noise = float(mean(sigma2[present] / k[present]))
    total = float(variance(problem_means(scores)))
    n = max(int(present.sum()), 1)
    return VarianceSplit(total - noise, within, total / n if not np.isnan(noise) else float("nan"))
