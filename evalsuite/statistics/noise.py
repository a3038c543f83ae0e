"""The two noises of one configuration's mean: re-running on these problems, and having drawn these problems.

They answer different questions and are reported side by side. K seeds of n problems are never K*n independent draws.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from evalsuite.statistics.intervals import t_interval
from evalsuite.statistics.matrix import counts, mean, mean_accuracy, problem_means, score_matrix, seed_means, variance


class SeedNoise(NamedTuple):
    """Spread of the per-seed accuracies: `std` and `sem` (ddof 1), t interval `low` to `high` of their mean."""

    std: float
    sem: float
    low: float
    high: float


class ProblemNoise(NamedTuple):
    """Standard error over problem means and the t interval `low` to `high` around the mean of all completions."""

    stderr: float
    low: float
    high: float


class VarianceSplit(NamedTuple):
    """Var(x) `between` problems, E[sigma^2] `within` them, and `of_mean` = (between + within/K)/n."""

    between: float
    within: float
    of_mean: float


def seed_noise(scores: ArrayLike, confidence: float = 0.95) -> SeedNoise:
    """The noise of re-running on this fixed set of problems, from a (seeds, problems) matrix.

    std is the ddof-1 deviation of the seeds' accuracies a_s, sem = std/sqrt(seeds), and the interval is t with seeds -
    1 degrees of freedom around their mean. All NaN but for two seeds or more: one run says nothing about its noise.

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

    Shape (seeds, problems). A problem is the cluster and its seeds are its members, so more seeds shrink it only as far
    as they quiet x_bar. NaN with fewer than two problems.

    Reference: Miller, Adding error bars to evals, arXiv 2411.00640, sections 2.1 (one seed) and 3.1 (resampling).

    >>> clustered_stderr([[1, 0, 1, 0], [1, 0, 1, 0]]) == clustered_stderr([[1, 0, 1, 0]])
    True
    """
    x = problem_means(scores)
    n = int((~np.isnan(x)).sum())
    return float(np.sqrt(variance(x) / max(n, 1)))


def problem_noise(scores: ArrayLike, confidence: float = 0.95) -> ProblemNoise:
    """The noise of having drawn these problems: `clustered_stderr` and its t interval with n - 1 degrees of freedom.

    Shape (seeds, problems). NaN with fewer than two problems. The t interval keeps its level from about 200 problems
    on, and earlier where the mean is not near 0 or 1; with 30 problems and a mean of 0.94 it covers only 85 to 87 %.
    There `intervals.score_interval` is the one to read.

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

    A problem with one completion gets the mean of the others', for its noise is unknown but not 0; all are NaN where no
    problem has two.

    >>> within_variances([[1, 0, 1], [0, 0, np.nan]])
    array([0.5 , 0.  , 0.25])
    """
    own = variance(score_matrix(scores), axis=0)
    return np.where(np.isnan(own) & (counts(scores) > 0), mean(own), own)


def variance_split(scores: ArrayLike) -> VarianceSplit:
    """Split the variance of the mean into what problems and what seeds contribute: (Var(x) + E[sigma^2]/K)/n.

    Shape (seeds, problems). `within` is the mean unbiased variance of a problem's scores; `between` is Var(x_bar) with
    that noise taken out, mean(sigma^2/K), unbiased and therefore sometimes a little below 0. NaN where fewer than
    two seeds or two problems are there.

    Reference: Miller, arXiv 2411.00640, section 3.1.

    >>> split = variance_split([[1, 0, 1, 0], [1, 0, 0, 0]])
    >>> split.within, round(split.between, 4), round(split.of_mean, 4)
    (0.125, 0.1667, 0.0573)
    """
    k, sigma2 = counts(scores), within_variances(scores)
    there = k > 0
    within = float(mean(sigma2[there]))
    noise = float(mean(sigma2[there] / k[there]))
    total = float(variance(problem_means(scores)))
    n = max(int(there.sum()), 1)
    return VarianceSplit(total - noise, within, total / n if not np.isnan(noise) else float("nan"))
