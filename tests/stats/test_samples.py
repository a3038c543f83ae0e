"""pass@k, pass^k and maj@k against their definitions, by enumeration of all subsets."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.statistics.passes import ladder, majority, mean_majority, mean_pass, pass_at_k, pass_hat_k, votes


def enumerated(samples, k, accuracy):
    """Mean of `accuracy` over all subsets of size k: the definition."""
    return np.mean([accuracy(subset) for subset in combinations(samples, k)])


def plurality(subset):
    """The share of the right answer "R" among the winners of the vote; None does not vote."""
    tally = {answer: subset.count(answer) for answer in set(subset) - {None}}
    winners = [answer for answer, count in tally.items() if count == max(tally.values())]
    return ("R" in winners) / max(len(winners), 1)


@pytest.mark.parametrize("n", range(1, 9))
def test_pass_at_k_is_the_share_of_subsets_with_a_right_answer(n):
    for c in range(n + 1):
        for k in range(1, n + 1):
            samples = [1] * c + [0] * (n - c)
            assert pass_at_k(n, c, k) == pytest.approx(enumerated(samples, k, any), abs=1e-12)
            assert pass_hat_k(n, c, k) == pytest.approx(enumerated(samples, k, all), abs=1e-12)


def test_pass_at_1_is_the_mean_and_pass_at_n_is_any():
    scores = np.random.default_rng(1).integers(0, 2, size=(8, 50))
    assert mean_pass(scores, 1) == pytest.approx(scores.mean())
    assert mean_pass(scores, 8) == pytest.approx(scores.any(axis=0).mean())
    assert mean_pass(scores, 8, every=True) == pytest.approx(scores.all(axis=0).mean())


def test_pass_at_k_is_nan_above_the_number_of_completions():
    assert np.isnan(pass_at_k(3, 1, 4)) and np.isnan(pass_hat_k(3, 3, 4))


def test_pass_at_k_stays_exact_for_many_completions():
    assert pass_at_k(100000, 1, 50000) == pytest.approx(0.5, abs=1e-9)


def test_ragged_problems_count_only_where_they_have_k_completions():
    assert mean_pass([[1, 0, 0], [0, np.nan, 1]], 2) == 1.0
    assert mean_pass([[1, 0, 0], [0, np.nan, 1]], 1) == pytest.approx((0.5 + 0 + 0.5) / 3)


def test_mean_pass_of_fractional_scores_is_nan():
    assert np.isnan(mean_pass([[0.5, 1.0]], 1))


def test_k_below_one_is_refused():
    with pytest.raises(ValueError, match="k must be"):
        pass_at_k(3, 1, 0)
    with pytest.raises(ValueError, match="k must be"):
        majority(1, 0, (), 0)


@pytest.mark.parametrize(("seeds", "ks"), [(1, [1]), (3, [1, 2, 3]), (8, [1, 2, 4, 8]), (10, [1, 2, 4, 8, 10])])
def test_ladder_doubles_up_to_the_seeds_and_ends_with_them(seeds, ks):
    assert ladder(seeds) == ks


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(["R", "a", "b", "c", "d", None]), min_size=1, max_size=8), st.data())
def test_majority_is_the_expectation_over_all_subsets(samples, data):
    k = data.draw(st.integers(1, len(samples)))
    problem = votes([answer == "R" for answer in samples], samples)
    assert majority(*problem, k) == pytest.approx(enumerated(samples, k, plurality), abs=1e-12)


def test_majority_of_every_count_pattern_up_to_8_matches_enumeration():
    patterns = [
        (3, 1, (2, 2)),
        (2, 0, (2, 2, 2)),
        (1, 4, (1, 1, 1)),
        (4, 0, (4,)),
        (2, 3, (2, 1)),
        (1, 0, (7,)),
        (5, 1, (1, 1)),
    ]
    for right, no_answer, others in patterns:
        samples = ["R"] * right + [None] * no_answer + [name for i, c in enumerate(others) for name in [str(i)] * c]
        for k in range(1, len(samples) + 1):
            assert majority(right, no_answer, others, k) == pytest.approx(enumerated(samples, k, plurality), abs=1e-12)


def test_majority_of_many_samples_matches_simulation():
    right, no_answer, others, k = 14, 6, (15, 10, 8, 5, 3, 2, 1), 24
    pool = np.repeat(np.arange(2 + len(others)), [right, no_answer, *others])
    rng = np.random.default_rng(2)
    drawn = rng.permuted(np.tile(pool, (40000, 1)), axis=1)[:, :k]
    tally = np.stack([(drawn == kind).sum(axis=1) for kind in range(2 + len(others)) if kind != 1], axis=1)
    best = tally == tally.max(axis=1, keepdims=True)
    simulated = np.mean(best[:, 0] / best.sum(axis=1))
    assert majority(right, no_answer, others, k) == pytest.approx(simulated, abs=0.008)


def test_majority_of_hundreds_of_samples_neither_overflows_nor_leaves_0_and_1():
    assert 0 < majority(900, 50, (800, 300), 1024) < 1
    assert majority(900, 50, (800, 300), 2050) == 1.0


def test_no_answer_never_wins_a_vote():
    assert majority(1, 7, (), 8) == 1.0
    assert majority(0, 8, (), 8) == 0.0


def test_ties_are_shared():
    assert majority(2, 0, (2,), 4) == pytest.approx(0.5)
    assert majority(2, 0, (2, 2), 6) == pytest.approx(1 / 3)


def test_every_completion_scored_right_votes_for_the_right_answer_however_written():
    assert votes([1, 1, 0, 0], ["1/2", "0.5", "3", "3"]) == (2, 0, (2,))


def test_equal_answers_are_one_vote_even_if_one_was_scored_wrong():
    assert votes([1, 0, 0], ["7", "7", "8"]) == (2, 0, (1,))


def test_right_without_an_answer_string_votes_right_and_missing_completions_do_not_count():
    assert votes([1, 0, np.nan], [None, None, "3"]) == (1, 1, ())


def test_mean_majority_leaves_out_problems_with_fewer_samples():
    assert mean_majority([(3, 0, ()), (0, 1, (2,)), (1, 0, ())], 3) == 0.5
    assert np.isnan(mean_majority([(1, 0, ())], 2))
