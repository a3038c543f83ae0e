"""pass@k, pass^k and maj@k (how often the most frequent of k answers is right), all computed exactly."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from evalsuite.statistics.matrix import is_binary, mean, score_matrix

RIGHT = object()  # the class of the right answer, however it was written


def pass_at_k(count: ArrayLike, right: ArrayLike, k: int) -> NDArray[np.float64]:
    """Probability that at least one of k answers to a problem is right: 1 - C(n-c, k)/C(n, k).

    n is `count`, c is `right`. Arguments broadcast, shape (problems,). Unbiased for k up to n; NaN for larger k.

    Reference: Chen et al., Evaluating large language models trained on code, arXiv 2107.03374, section 2.1, equation 1.

    >>> pass_at_k(10, [0, 1, 10], 5)
    array([0. , 0.5, 1. ])
    """
    count, right = np.asarray(count), np.asarray(right)
    return 1 - _all_from(count - right, count, k)


def pass_hat_k(count: ArrayLike, right: ArrayLike, k: int) -> NDArray[np.float64]:
    """Probability that all of k answers are right (pass^k): C(c, k)/C(n, k). Shapes and NaN as in `pass_at_k`.

    Reference: Yao et al., tau-bench, arXiv 2406.12045, section 3.

    >>> pass_hat_k(10, [0, 9, 10], 5)
    array([0. , 0.5, 1. ])
    """
    return _all_from(np.asarray(right), np.asarray(count), k)


def mean_pass(scores: ArrayLike, k: int, every: bool = False) -> float:
    """Mean over problems of pass@k, or of pass^k with `every`, from a 0/1 (seeds, problems) matrix.

    Problems with fewer than k completions are left out. NaN if none is left, or if scores other than 0 and 1 occur.

    >>> mean_pass([[1, 0], [0, 0]], 2), mean_pass([[1, 0], [0, 0]], 2, every=True)
    (0.5, 0.0)
    """
    matrix = score_matrix(scores)
    if not is_binary(matrix):
        return float("nan")
    count, right = (~np.isnan(matrix)).sum(axis=0), np.nansum(matrix, axis=0)
    return float(mean((pass_hat_k if every else pass_at_k)(count, right, k)))


def ladder(seeds: int) -> list[int]:
    """The k for which pass@k and maj@k are reported: 1, 2, 4, 8, ... up to the number of seeds, and that number.

    >>> ladder(10), ladder(1), ladder(0)
    ([1, 2, 4, 8, 10], [1], [])
    """
    powers = [1 << power for power in range(seeds.bit_length())]
    return powers if not seeds or powers[-1] == seeds else [*powers, seeds]


def _all_from(part: NDArray, count: NDArray, k: int) -> NDArray[np.float64]:
    """Probability that k draws without replacement from `count` all fall into `part`: C(part, k)/C(count, k)."""
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    part, count = np.broadcast_arrays(part, count)
    probability = np.where(count >= k, 1.0, np.nan)
    for drawn in range(k):
        probability = probability * np.clip(part - drawn, 0, None) / np.maximum(count - drawn, 1)
    return probability


def votes(scores: Sequence[float], answers: Sequence[Hashable | None]) -> tuple[int, int, tuple[int, ...]]:
    """Count the votes of one problem: (right, no_answer, others), with the votes of each wrong answer in `others`.

    `scores` (0, 1, or NaN if missing) and `answers` (None for no answer) have the shape (seeds,). Every completion
    scored 1 votes for the right answer, and so does every completion with the same answer as one that was scored 1.

    >>> votes([1, 0, 0, 0, 0], ["1/2", "3", "3", None, "0.5"])
    (1, 1, (2, 1))
    """
    present = [(score, answer) for score, answer in zip(scores, answers, strict=True) if score == score]
    gold = {answer for score, answer in present if score == 1 and answer is not None}
    tally = Counter(RIGHT if score == 1 or answer in gold else answer for score, answer in present)
    right, no_answer = tally.pop(RIGHT, 0), tally.pop(None, 0)
    return right, no_answer, tuple(sorted(tally.values(), reverse=True))


@lru_cache(maxsize=1 << 18)
def majority(right: int, no_answer: int, others: tuple[int, ...], k: int) -> float:
    """Expected accuracy of the most frequent answer among k samples of a problem, drawn without replacement.

    `right`, `no_answer` and `others` are counts, as `votes` returns them. Ties are shared evenly among the tied
    answers, and "no answer" never wins. NaN if k exceeds the number of samples.

    If the right answer has j votes and ties with T rivals, its share is 1/(1+T), the integral of y^T over y in [0, 1].
    The weight of all subsets is therefore a coefficient of a product of polynomials in the number of drawn samples.
    The polynomial of each rival ends at j votes, and its j-th term is multiplied by y. Gauss-Legendre nodes make the
    integral exact, because T is less than k/j. Each sample is drawn with probability k/n, given that k are drawn.

    Reference: Wang et al., Self-consistency, arXiv 2203.11171, section 2, for the vote; the exact expectation replaces
    sampling of subsets.

    >>> majority(2, 0, (1, 1), 4), majority(1, 1, (1,), 3), majority(1, 1, (1,), 1).__round__(4)
    (1.0, 0.5, 0.3333)
    """
    n = right + no_answer + sum(others)
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    if k > n:
        return float("nan")
    if right == 0 or not others:  # without rivals, one vote is enough
        return 0.0 if right == 0 else float(1 - stats.hypergeom.pmf(0, n, right, k))
    wins = sum(_wins_with(j, right, no_answer, others, k) for j in range(1, min(right, k) + 1))
    return min(1.0, float(wins / stats.binom.pmf(k, n, k / n)))


def mean_majority(problems: Iterable[tuple[int, int, tuple[int, ...]]], k: int) -> float:
    """Mean of `majority` over problems, as `votes` returns them; those with fewer than k samples are left out.

    >>> mean_majority([(2, 0, ()), (0, 1, (1,))], 2)
    0.5
    """
    values = [majority(*problem, k) for problem in problems]
    known = [value for value in values if value == value]
    return float(np.mean(known)) if known else float("nan")


def _wins_with(j: int, right: int, no_answer: int, others: tuple[int, ...], k: int) -> float:
    """The weight of all draws of k in which the right answer has exactly j votes, each times its share of the win."""
    p, rest = k / (right + no_answer + sum(others)), k - j
    rivals = [count for count in others if count >= j]
    harmless = no_answer + sum(others) - sum(rivals)  # they cannot reach j votes, so any number of them may be drawn
    nodes, weights = np.polynomial.legendre.leggauss(
        len(rivals) // 2 + 1 if j * len(rivals) <= rest else rest // j // 2 + 1
    )
    total = 0.0
    for y, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        product = _drawn(harmless, p, rest)
        for count in rivals:
            terms = _drawn(count, p, min(j, rest)).copy()
            if rest >= j:
                terms[j] *= y
            product = np.convolve(product, terms)[: rest + 1]
        if len(product) > rest:
            total += weight * product[rest]
    return total * float(_drawn(right, p, right)[j])


@lru_cache(maxsize=1 << 14)
def _drawn(count: int, p: float, upto: int) -> np.ndarray:
    """Probabilities that 0, 1, ..., `upto` of `count` samples are drawn, each with probability p."""
    return stats.binom.pmf(np.arange(min(count, upto) + 1), count, p)
