"""The estimators reproduce published numbers of real answers, recorded in the shared folder."""

import json
from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar

from evalsuite.statistics import exact, matrix, noise, paired, passes

SYSTEMS = {"6b_finetuning": 286, "6b_verification": 515, "175b_finetuning": 458, "175b_verification": 742}


@pytest.fixture(scope="module")
def math100(shared):
    """The rows of the example of Qwen2.5-Math's reward model: 100 problems with 8 samples each."""
    lines = (shared / "recorded/qwen25math_math100x8/math_cot_100x8.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def gsm8k(shared):
    """The scores, of shape (1, 1319), of OpenAI's four systems on GSM8K."""
    lines = (shared / "recorded/openai_gsm8k_4systems/example_model_solutions.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return {system: np.array([[float(row[system]["is_correct"]) for row in rows]]) for system in SYSTEMS}


def test_math100_has_mean_0910_any_of_8_096_and_all_8_086(math100):
    scores = np.array([row["score"] for row in math100], dtype=float).T
    assert scores.shape == (8, 100)
    assert matrix.mean_accuracy(scores) == pytest.approx(0.910)
    assert passes.mean_pass(scores, 8) == pytest.approx(0.96)
    assert passes.mean_pass(scores, 8, every=True) == pytest.approx(0.86)


def test_math100_majority_matches_voting_over_every_subset(math100):
    counted = [passes.votes(row["score"], [p or None for p in row["pred"]]) for row in math100]
    for k in (1, 4, 8):
        slow = np.mean([_vote(row["score"], row["pred"], k) for row in math100])
        assert passes.mean_majority(counted, k) == pytest.approx(slow)


def _vote(scores, answers, k):
    labels = [
        "R" if s or a in {x for x, y in zip(answers, scores, strict=True) if y} else a
        for s, a in zip(scores, answers, strict=True)
    ]
    wins = []
    for subset in combinations([label or None for label in labels], k):
        tally = {label: subset.count(label) for label in set(subset) - {None}}
        best = [label for label, count in tally.items() if count == max(tally.values())]
        wins.append(("R" in best) / max(len(best), 1))
    return np.mean(wins)


def test_gsm8k_systems_have_their_published_counts(gsm8k):
    assert {system: int(scores.sum()) for system, scores in gsm8k.items()} == SYSTEMS


@pytest.mark.parametrize(("a", "b"), list(combinations(SYSTEMS, 2)))
def test_six_gsm8k_comparisons_match_scipy_and_statsmodels(gsm8k, a, b):
    d = gsm8k[a] - gsm8k[b]
    test = paired.paired_t(d)
    assert test.difference[0] == pytest.approx((SYSTEMS[a] - SYSTEMS[b]) / 1319)
    assert test.p_value[0] == pytest.approx(stats.ttest_rel(gsm8k[a][0], gsm8k[b][0]).pvalue)
    table = [[0, int((d > 0).sum())], [int((d < 0).sum()), 0]]
    assert exact.mcnemar(d)[0] == pytest.approx(reference_mcnemar(table, exact=True).pvalue)


def test_gsm8k_pairing_narrows_the_interval_of_the_difference(gsm8k):
    a, b = gsm8k["6b_verification"], gsm8k["175b_finetuning"]
    unpaired = np.hypot(noise.clustered_stderr(a), noise.clustered_stderr(b))
    assert paired.paired_t(a - b).stderr[0] < unpaired
