"""The bias of the best of many scores: against its definition, and against the truth in simulations."""

from itertools import combinations

import numpy as np
import pytest

from evalsuite.statistics.optimism import best_of_many


def by_definition(means):
    """Over all splits into halves: select on one half, score on the other."""
    n, gaps = means.shape[1], []
    for half in combinations(range(n), n // 2):
        rest = [at for at in range(n) if at not in half]
        best = means[:, list(half)].mean(axis=1).argmax()
        gaps.append(means[best, list(half)].mean() - means[best, rest].mean())
    return np.mean(gaps) / np.sqrt(2)


def test_random_splits_agree_with_all_splits():
    means = np.random.default_rng(1).random((5, 8))
    assert best_of_many(means, 20_000, np.random.default_rng(0)) == pytest.approx(by_definition(means), abs=0.002)


@pytest.mark.parametrize("candidates", [2, 12, 60])
def test_it_is_unbiased_if_checkpoints_differ_by_chance_alone(candidates):
    rng = np.random.default_rng(candidates)
    scores = rng.random((300, candidates, 50)) < 0.5  # (studies, checkpoints, problems)
    truth = (scores.mean(axis=2).max(axis=1) - 0.5).mean()
    found = np.mean([best_of_many(one, 60, rng) for one in scores])
    assert found == pytest.approx(truth, rel=0.12)


def test_it_is_conservative_if_skill_differs_and_zero_if_one_is_clearly_best():
    rng = np.random.default_rng(3)
    skill = np.linspace(0.4, 0.6, 10)[:, None]
    scores = rng.random((300, 10, 50)) < skill
    best = scores.mean(axis=2).argmax(axis=1)
    truth = (scores.mean(axis=2).max(axis=1) - skill[best, 0]).mean()
    assert truth < np.mean([best_of_many(one, 60, rng) for one in scores]) < 2 * truth + 0.02
    plain = (rng.random((6, 100)) < 0.1).astype(float)
    assert best_of_many(np.vstack([plain, np.ones(100)]), 200, rng) == 0


def test_problems_missing_for_one_checkpoint_are_left_out_for_all():
    means = np.random.default_rng(4).random((3, 10))
    ragged = np.hstack([means, [[np.nan, np.nan], [1, 0], [0, np.nan]]])
    both = [best_of_many(one, 500, np.random.default_rng(0)) for one in (means, ragged)]
    assert both[0] == both[1]


@pytest.mark.parametrize("shape", [(1, 20), (5, 3)])
def test_it_is_nan_for_one_checkpoint_and_for_three_problems(shape):
    assert np.isnan(best_of_many(np.ones(shape), 10, np.random.default_rng(0)))
