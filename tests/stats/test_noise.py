"""The two sources of noise of one configuration: definitions, edge cases, and simulated coverage of the intervals."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.proportion import proportion_confint

from evalsuite.statistics import bootstrap, intervals, lengths, matrix, noise

RAGGED = np.array([[1, 0, 1, np.nan], [0, 0, 1, 1], [1, np.nan, 1, np.nan]])


def simulated(rng, runs, seeds, problems, a=2.0, b=2.0):
    """Scores (runs, seeds, problems) of simulated benchmarks, and their problems' solve rates, from Beta(a, b)."""
    chance = rng.beta(a, b, size=(runs, 1, problems))
    return (rng.random((runs, seeds, problems)) < chance).astype(float), chance[:, 0]


def covered(low, high, truth):
    return float(np.mean((np.asarray(low) <= truth) & (truth <= np.asarray(high))))


def test_mean_is_over_all_completions_of_a_ragged_matrix():
    assert matrix.mean_accuracy(RAGGED) == pytest.approx(np.nanmean(RAGGED))


def test_seed_and_problem_means_skip_missing_cells():
    np.testing.assert_allclose(matrix.seed_means(RAGGED), np.nanmean(RAGGED, axis=1))
    np.testing.assert_allclose(matrix.problem_means(RAGGED), np.nanmean(RAGGED, axis=0))


def test_variance_matches_numpy_and_is_nan_below_two_values():
    np.testing.assert_allclose(matrix.variance(RAGGED, axis=0)[:3], np.nanvar(RAGGED[:, :3], axis=0, ddof=1))
    assert np.isnan(matrix.variance(RAGGED, axis=0)[3])


def test_variance_of_equal_values_is_exactly_zero():
    assert matrix.variance(np.full(7, 0.1 + 0.2)) == 0


def test_mean_without_values_is_nan():
    assert np.isnan(matrix.mean([])) and np.isnan(matrix.variance([])) and np.isnan(matrix.mean_accuracy([[np.nan]]))


@pytest.mark.parametrize("bad", [[1, 0], [[np.inf]], [[[1]]]])
def test_score_matrix_refuses_other_shapes_and_infinities(bad):
    with pytest.raises(ValueError):
        matrix.score_matrix(bad)


def test_seed_noise_matches_scipy_t_interval_with_ddof_1():
    scores = np.random.default_rng(1).integers(0, 2, size=(10, 30))
    accuracies = scores.mean(axis=1)
    low, high = stats.t.interval(0.95, 9, accuracies.mean(), stats.sem(accuracies))
    assert noise.seed_noise(scores) == pytest.approx((accuracies.std(ddof=1), stats.sem(accuracies), low, high))


def test_seed_noise_of_one_seed_is_nan():
    assert np.isnan(noise.seed_noise([[1, 0, 1]])).all()


def test_seed_noise_of_identical_seeds_is_zero():
    assert noise.seed_noise([[1, 0, 1], [1, 0, 1]])[:2] == (0, 0)


def test_clustered_stderr_matches_the_cluster_robust_one_of_statsmodels():
    scores = np.random.default_rng(2).integers(0, 2, size=(4, 50))
    groups = np.tile(np.arange(50), 4)
    robust = OLS(scores.ravel(), np.ones(200)).fit(cov_type="cluster", cov_kwds={"groups": groups}).bse[0]
    assert noise.clustered_stderr(scores) == pytest.approx(robust, rel=1e-9)
    assert noise.clustered_stderr(scores) == pytest.approx(scores.mean(axis=0).std(ddof=1) / np.sqrt(50))


def test_clustered_stderr_matches_pairwise_definition():
    """Miller's formula sums over all pairs of completions of a problem; it differs by the factor n/(n-1)."""
    scores = np.random.default_rng(3).integers(0, 2, size=(3, 20))
    residual = (scores - scores.mean()).T
    pairs = sum(r[i] * r[j] for r in residual for i in range(3) for j in range(3)) / scores.size**2
    assert noise.clustered_stderr(scores) == pytest.approx(np.sqrt(pairs * 20 / 19))


def test_repeating_a_seed_does_not_reduce_the_clustered_stderr():
    one = np.random.default_rng(4).integers(0, 2, size=(1, 40))
    assert noise.clustered_stderr(np.repeat(one, 16, axis=0)) == pytest.approx(noise.clustered_stderr(one))


def test_problem_noise_matches_scipy_t_interval():
    scores = np.random.default_rng(5).integers(0, 2, size=(3, 60))
    x = scores.mean(axis=0)
    assert noise.problem_noise(scores)[1:] == pytest.approx(stats.t.interval(0.95, 59, x.mean(), stats.sem(x)))


def test_problem_noise_of_one_problem_is_nan():
    assert np.isnan(noise.problem_noise([[1], [0]])).all()


def test_variance_split_adds_up_to_the_clustered_variance():
    scores = np.random.default_rng(6).integers(0, 2, size=(5, 40))
    split = noise.variance_split(scores)
    assert split.of_mean == pytest.approx((split.between + split.within / 5) / 40)
    assert split.of_mean == pytest.approx(noise.clustered_stderr(scores) ** 2)


def test_variance_split_is_unbiased():
    rng = np.random.default_rng(7)
    scores, _ = simulated(rng, 3000, 4, 25)
    between, within, _ = np.mean([noise.variance_split(s) for s in scores], axis=0)
    assert between == pytest.approx(0.05, abs=0.002)  # Beta(2, 2) has variance 1/20
    assert within == pytest.approx(0.20, abs=0.002)  # and E[p(1-p)] = 1/4 - 1/20


def test_variance_split_of_one_seed_is_nan():
    assert np.isnan(noise.variance_split([[1, 0, 1]])).all()


def test_within_variance_of_a_single_completion_is_the_mean_of_the_others():
    np.testing.assert_allclose(noise.within_variances([[1, 0, 1], [0, 0, np.nan]]), [0.5, 0, 0.25])


@pytest.mark.parametrize(("right", "count"), [(0, 20), (1, 29), (15, 148), (81, 263), (20, 20)])
def test_wilson_matches_statsmodels(right, count):
    expected = proportion_confint(right, count, method="wilson")
    np.testing.assert_allclose(intervals.wilson_interval(right, count), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_matches_the_published_values_of_newcombe_1998(right, count, low, high):
    np.testing.assert_allclose(intervals.wilson_interval(right, count), (low, high), atol=5e-5)


def test_score_interval_of_one_seed_is_the_wilson_interval():
    scores = np.array([[1, 0, 1, 1, 1, 0, 1]])
    np.testing.assert_allclose(intervals.score_interval(scores), intervals.wilson_interval(5, 7))


def test_score_interval_counts_identical_seeds_once():
    scores = np.array([[1, 0, 1, 1, 1, 0, 1]])
    np.testing.assert_allclose(intervals.score_interval(np.repeat(scores, 8, 0)), intervals.score_interval(scores))


def test_score_interval_is_undefined_for_scores_between_0_and_1():
    assert np.isnan(intervals.score_interval([[0.5, 1]])).all()


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_confidence_outside_0_and_1_is_refused(confidence):
    with pytest.raises(ValueError, match="confidence"):
        intervals.wilson_interval(1, 2, confidence)


def test_wilson_covers_95_percent_on_average_from_30_problems_on():
    rng = np.random.default_rng(8)
    for n in (30, 100, 500):
        truth = rng.uniform(0.1, 0.9, size=20000)
        low, high = intervals.wilson_interval(rng.binomial(n, truth), n)
        assert 0.93 <= covered(low, high, truth) <= 0.97


@pytest.mark.parametrize(("seeds", "problems"), [(1, 500), (4, 200), (10, 300)])
def test_t_interval_over_problems_covers_95_percent(seeds, problems):
    scores, _ = simulated(np.random.default_rng(9), 3000, seeds, problems)
    low, high = np.array([noise.problem_noise(s)[1:] for s in scores]).T
    assert 0.93 <= covered(low, high, 0.5) <= 0.97


def test_t_interval_over_few_easy_problems_undercovers_and_the_score_interval_does_not():
    scores, _ = simulated(np.random.default_rng(10), 3000, 4, 30, a=0.9, b=0.06)  # mean 0.9375
    truth = 0.9 / 0.96
    t = np.array([noise.problem_noise(s)[1:] for s in scores]).T
    score = np.array([intervals.score_interval(s) for s in scores]).T
    assert covered(*t, truth) < 0.92
    assert 0.93 <= covered(*score, truth) <= 0.985


@pytest.mark.parametrize("shape", [(2, 2), (0.5, 0.5), (3, 0.3), (10, 2), (0.3, 1.5)])
@pytest.mark.parametrize(("seeds", "problems"), [(1, 30), (4, 40), (10, 200)])
def test_score_interval_covers_at_least_its_level_at_every_difficulty(seeds, problems, shape):
    scores, _ = simulated(np.random.default_rng(10), 600, seeds, problems, *shape)
    ends = np.array([intervals.score_interval(s) for s in scores]).T
    assert 0.93 <= covered(*ends, shape[0] / sum(shape)) <= 0.995


@pytest.mark.parametrize(("seeds", "problems"), [(3, 30), (10, 30), (3, 500)])
def test_seed_interval_covers_the_mean_of_this_problem_set(seeds, problems):
    rng = np.random.default_rng(11)
    chance = rng.beta(0.7, 0.7, size=problems)
    accuracies = (rng.random((4000, seeds, problems)) < chance).mean(axis=2)
    low, high = intervals.t_interval(
        accuracies.mean(axis=1), accuracies.std(axis=1, ddof=1) / np.sqrt(seeds), np.full(4000, seeds)
    )
    assert 0.93 <= covered(low, high, chance.mean()) <= 0.97


def test_bootstrap_interval_covers_at_least_its_level():
    rng = np.random.default_rng(12)
    scores, _ = simulated(rng, 800, 3, 100)
    ends = np.array([bootstrap.percentile_interval(bootstrap.bootstrap_means(s, 600, rng)) for s in scores]).T
    assert 0.93 <= covered(*ends, 0.5) <= 0.99


@pytest.mark.parametrize("missing", [0, 0.1])
def test_binary_and_general_bootstrap_have_the_same_distribution(missing):
    rng = np.random.default_rng(13)
    scores = rng.integers(0, 2, size=(4, 30)) * (np.arange(30) % 3 > 0.0)
    scores = np.where(rng.random((4, 30)) < missing, np.nan, scores)
    fast = bootstrap.bootstrap_means(scores, 20000, np.random.default_rng(14))
    slow = bootstrap._general_means(scores, 20000, np.random.default_rng(15))
    assert stats.ks_2samp(fast, slow).pvalue > 0.01


def test_bootstrap_spread_matches_the_two_level_formula():
    scores = np.random.default_rng(16).integers(0, 2, size=(4, 50)).astype(float)
    x, s2 = scores.mean(axis=0), scores.var(axis=0)
    expected = x.var() / 50 + s2.mean() / (4 * 50)
    assert bootstrap.bootstrap_means(scores, 40000, np.random.default_rng(17)).var() == pytest.approx(
        expected, rel=0.03
    )


def test_bootstrap_is_reproducible():
    scores = [[0.5, 1, 0], [0, 0.25, 1]]
    first, second = (bootstrap.bootstrap_means(scores, 50, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_bootstrap_without_scores_is_nan_and_without_resamples_an_error():
    assert np.isnan(bootstrap.bootstrap_means([[np.nan]], 5, np.random.default_rng(0))).all()
    with pytest.raises(ValueError, match="resamples"):
        bootstrap.bootstrap_means([[1]], 0, np.random.default_rng(0))


def test_lengths_ignore_unknown_values():
    found = lengths.lengths([[1, 0, np.nan]], [[5, np.nan, np.nan]], [[0, 1, np.nan]])
    assert found[:4] == (5, 5, 5, 5) and np.isnan(found.mean_wrong) and found.accuracy_untruncated == 1


def test_lengths_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match="shapes differ"):
        lengths.lengths([[1]], [[1, 2]], [[0]])
