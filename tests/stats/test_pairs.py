"""Paired tests against scipy and statsmodels, their levels by simulation, and power against published values."""

from itertools import product

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.multitest import multipletests

from evalsuite.statistics import exact, paired, power
from evalsuite.statistics.matrix import variance

DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]  # Fisher 1935, eighths of an inch
MILLER = {"omega2": 1 / 9, "sigma2_a": 1 / 6, "sigma2_b": 1 / 6}  # arXiv 2411.00640, section 5


def on_fixed_problems(a, b):
    """The fixed-problems test of two stacks of scores (pairs, seeds, problems) without missing cells."""
    means = tuple(s.mean(axis=1) for s in (a, b))
    return paired.fixed_problems(
        means,
        tuple(variance(s, axis=1) for s in (a, b)),
        tuple(np.full_like(m, s.shape[1]) for m, s in zip(means, (a, b), strict=True)),
    )


def test_paired_t_matches_scipy_row_by_row():
    a, b = np.random.default_rng(1).random((2, 5, 40))
    test = paired.paired_t(a - b)
    expected = stats.ttest_rel(a, b, axis=1)
    np.testing.assert_allclose(test.p_value, expected.pvalue)
    np.testing.assert_allclose((test.low, test.high), expected.confidence_interval(0.95))


def test_paired_t_matches_fishers_published_value():
    test = paired.paired_t([DARWIN])
    assert test.difference[0] / test.stderr[0] == pytest.approx(2.148, abs=5e-4)


def test_paired_t_uses_only_shared_problems():
    both, alone = paired.paired_t([[0.5, np.nan, -0.1, 0.2]]), paired.paired_t([[0.5, -0.1, 0.2]])
    np.testing.assert_allclose(np.ravel(both), np.ravel(alone))


def test_identical_scores_give_a_difference_of_zero_and_p_one():
    test = paired.paired_t([[0.0] * 9])
    assert (test.difference[0], test.stderr[0], test.p_value[0]) == (0, 0, 1)


def test_a_constant_difference_has_the_p_value_of_the_sign_flip_test():
    assert paired.paired_t([[1.0, 1.0]]).p_value[0] == 0.5
    assert paired.paired_t([[0.3 - 0.2, 0.9 - 0.8, 0.1]]).p_value[0] == 0.25  # equal up to rounding
    assert paired.paired_t([[1.0] * 30]).p_value[0] == exact.sign_flip([[1.0] * 12 + [0.0]], 9, None)[0] * 2.0**-18


@pytest.mark.parametrize("shared", [0, 1])
def test_below_two_shared_problems_the_result_is_nan(shared):
    test = paired.paired_t([[0.5] * shared + [np.nan]])
    assert test.n[0] == shared and np.isnan([test.stderr[0], test.low[0], test.p_value[0]]).all()


def test_fixed_problems_matches_its_definition():
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 2, size=(1, 6, 20)).astype(float), rng.integers(0, 2, size=(1, 3, 20)).astype(float)
    total = sum(np.var(a[0, :, i], ddof=1) / 6 + np.var(b[0, :, i], ddof=1) / 3 for i in range(20))
    test = on_fixed_problems(a, b)
    assert test.stderr[0] == pytest.approx(np.sqrt(total) / 20)
    assert test.p_value[0] == pytest.approx(2 * stats.norm.sf(abs(test.difference[0]) / test.stderr[0]))


@pytest.mark.parametrize(("seeds", "problems"), [(2, 200), (4, 30), (10, 30)])
def test_fixed_problems_interval_covers_the_true_difference_on_this_set(seeds, problems):
    rng = np.random.default_rng(3)
    chance_a, chance_b = rng.beta(1, 1, size=(2, problems))
    a, b = ((rng.random((4000, seeds, problems)) < chance).astype(float) for chance in (chance_a, chance_b))
    test, truth = on_fixed_problems(a, b), (chance_a - chance_b).mean()
    assert 0.93 <= np.mean((test.low <= truth) & (truth <= test.high)) <= 0.97


def test_fixed_problems_is_nan_with_one_seed():
    one = np.ones((1, 1, 10))
    assert np.isnan(on_fixed_problems(one, one * 0).p_value[0])


def test_fixed_problems_is_not_significant_for_two_agreeing_seeds_of_one_problem():
    test = on_fixed_problems(np.ones((1, 2, 1)), np.zeros((1, 2, 1)))
    assert test.stderr[0] == 0 and test.p_value[0] > 0.05


def test_fixed_problems_detects_a_clear_difference_if_all_seeds_agree():
    assert on_fixed_problems(np.ones((1, 2, 30)), np.zeros((1, 2, 30))).p_value[0] < 1e-10
    assert on_fixed_problems(np.ones((1, 2, 30)), np.ones((1, 2, 30))).p_value[0] == 1


def test_more_seeds_settle_these_problems_but_not_new_ones():
    rng = np.random.default_rng(4)
    chance = rng.uniform(0.2, 0.8, size=(1, 1, 30))
    shift = np.resize([-0.15, 0.2], (1, 1, 30))
    a, b = (rng.random((1, 2000, 30)) < chance + shift), (rng.random((1, 2000, 30)) < chance)
    assert on_fixed_problems(a.astype(float), b.astype(float)).p_value[0] < 1e-4
    assert paired.paired_t(a.mean(axis=1) - b.mean(axis=1)).p_value[0] > 0.05


def test_paired_t_keeps_its_level_under_the_null():
    rng = np.random.default_rng(5)
    a, b = (rng.random((2, 4000, 200)) < rng.beta(1, 1, size=(4000, 200))).astype(float)
    assert 0.03 <= np.mean(paired.paired_t(a - b).p_value < 0.05) <= 0.07


def test_sign_flip_matches_fishers_published_count():
    assert exact.sign_flip([DARWIN], 1, None)[0] == 2 * 863 / 32768


def test_sign_flip_is_exact_regardless_of_zeros():
    d = np.array([0.4, -0.1, 0.3, 0.2, 0.3])
    sums = [abs(np.dot(signs, d)) for signs in product((1, -1), repeat=5)]
    expected = np.mean(np.array(sums) >= d.sum() - 1e-12)
    assert exact.sign_flip([np.append(d, [0] * 40)], 1, None)[0] == pytest.approx(expected)


def test_random_sign_flips_agree_with_scipys_permutation_test():
    d = np.random.default_rng(6).normal(0.25, 1, size=(1, 60))
    expected = stats.permutation_test((d[0],), np.mean, permutation_type="samples", n_resamples=20000, rng=7).pvalue
    assert exact.sign_flip(d, 20000, np.random.default_rng(8))[0] == pytest.approx(expected, abs=0.012)


def test_sign_flip_never_gives_a_p_value_of_zero():
    assert exact.sign_flip([[1.0] * 60], 999, np.random.default_rng(9))[0] == 1 / 1000


def test_sign_flip_is_the_same_for_pairs_alone_and_together():
    d = np.random.default_rng(10).integers(-2, 3, size=(7, 12)) / 4
    together = exact.sign_flip(d, 1, None)
    np.testing.assert_array_equal(together, [exact.sign_flip([row], 1, None)[0] for row in d])


def test_sign_flip_keeps_its_level_under_the_null():
    d = np.random.default_rng(11).integers(-3, 4, size=(3000, 40)) / 3
    assert 0.03 <= np.mean(exact.sign_flip(d, 2000, np.random.default_rng(12)) <= 0.05) <= 0.07


def test_one_seed_sign_flip_is_mcnemar():
    d = np.array([[1, 1, 1, 1, 1, 1, -1, 0, 0, 1]])
    np.testing.assert_allclose(exact.sign_flip(d, 1, None), exact.mcnemar(d))


@pytest.mark.parametrize(("a", "b"), [(150, 86), (0, 5), (3, 3), (0, 0), (1, 30)])
def test_mcnemar_matches_statsmodels(a, b):
    expected = reference_mcnemar([[40, a], [b, 7]], exact=True).pvalue
    assert exact.mcnemar([[1] * a + [-1] * b + [0] * 47])[0] == pytest.approx(min(expected, 1))


def test_mcnemar_refuses_means_of_several_seeds():
    with pytest.raises(ValueError, match="single answers"):
        exact.mcnemar([[0.5, 1]])


def test_p_values_without_problems_are_nan():
    assert np.isnan(exact.mcnemar([[np.nan]])[0]) and np.isnan(exact.sign_flip([[np.nan]], 5, None)[0])


@pytest.mark.parametrize(("ours", "name"), [(paired.holm, "holm"), (paired.benjamini_hochberg, "fdr_bh")])
def test_corrections_match_statsmodels(ours, name):
    p = np.random.default_rng(13).random(40) ** 3
    np.testing.assert_allclose(ours(p), multipletests(p, method=name)[1])


def test_benjamini_hochberg_matches_scipy():
    p = np.random.default_rng(14).random(25)
    np.testing.assert_allclose(paired.benjamini_hochberg(p), stats.false_discovery_control(p))


def test_benjamini_hochbergs_own_example_rejects_four_and_holm_three():
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, *[0.5] * 6]
    assert (paired.benjamini_hochberg(p) <= 0.05).sum() == 4
    assert (paired.holm(p) <= 0.05).sum() == 3


def test_corrections_ignore_unknown_p_values():
    np.testing.assert_allclose(paired.holm([0.01, np.nan, 0.02]), [0.02, np.nan, 0.02])
    assert paired.holm([]).shape == (0,)


def test_p_values_outside_0_and_1_are_refused():
    with pytest.raises(ValueError, match="p values"):
        paired.holm([1.2])


def test_problems_needed_matches_the_published_969():
    assert power.problems_needed(0.03, 1 / 9, 0, 0) == 969


@pytest.mark.parametrize(("seeds", "effect"), [(1, 13.27), (10, 7.57)])
def test_minimum_detectable_effect_matches_the_published_values(seeds, effect):
    assert 100 * power.minimum_detectable_effect(198, **MILLER, k_a=seeds, k_b=seeds) == pytest.approx(
        effect, abs=0.005
    )


@pytest.mark.parametrize(
    ("problems", "effects"), [(30, [34.1, 24.1, 19.4, 17.9, 17.4]), (500, [8.4, 5.9, 4.8, 4.4, 4.3])]
)
def test_minimum_detectable_effects_of_the_design_table(problems, effects):
    k = np.array([1, 3, 10, 30, 64])
    found = 100 * power.minimum_detectable_effect(problems, **MILLER, k_a=k, k_b=k)
    np.testing.assert_allclose(found, effects, atol=0.05)


def test_minimum_detectable_effect_is_found_at_80_percent_power():
    rng = np.random.default_rng(15)
    effect = float(power.minimum_detectable_effect(200, 0.02, 0.2, 0.2, 4, 4))
    true = rng.normal(effect, np.sqrt(0.02), size=(4000, 200))
    noisy = true + rng.normal(0, np.sqrt(0.4 / 4), size=(4000, 200))
    assert np.mean(paired.paired_t(noisy).p_value < 0.05) == pytest.approx(0.8, abs=0.025)


def test_seeds_needed_is_where_the_minimum_detectable_effect_reaches_the_difference():
    seeds = power.seeds_needed(0.09, 198, **MILLER)
    reach = power.minimum_detectable_effect(198, **MILLER, k_a=[seeds - 1, seeds], k_b=[seeds - 1, seeds])
    assert reach[0] > 0.09 >= reach[1]


def test_no_number_of_seeds_makes_up_for_too_few_problems():
    assert power.seeds_needed(0.05, 30, **MILLER) == np.inf


def test_without_sampling_noise_one_seed_is_enough_or_none_is():
    np.testing.assert_array_equal(power.seeds_needed([0.2, 0.01], 100, 1 / 9, 0, 0), [1, np.inf])


def test_unknown_variances_give_nan():
    assert np.isnan(power.seeds_needed(0.1, 30, np.nan, 0.1, 0.1)) and np.isnan(
        power.problems_needed(0.1, np.nan, 0, 0)
    )


def test_a_difference_of_zero_needs_infinitely_many():
    assert power.problems_needed(0, 1 / 9, 0, 0) == np.inf and power.seeds_needed(0, 30, 1 / 9, 0.1, 0.1) == np.inf


@pytest.mark.parametrize("alpha", [0, 1, 5])
def test_levels_outside_0_and_1_are_refused(alpha):
    with pytest.raises(ValueError, match="alpha"):
        power.detectable(0.1, alpha)
