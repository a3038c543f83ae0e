"""Random studies are summarised without a crash or warning; JSON is valid and values are within their bounds."""

import math
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from analyze_summary import main
from tests.support import study

RATES = {"mean_accuracy", "truncated_rate", "no_answer_rate", "wilson_low", "wilson_high", "p_value", "p_holm", "p_bh",
         "p_permutation", "p_mcnemar", "p_value_these_problems", "p_holm_all_tasks"}  # fmt: skip
SCORE = st.sampled_from([0, 1, 0, 1, 0, 1, None, 0.5])


@st.composite
def runs(draw):
    """Experiments of one model with some of the seeds and problems, and any statuses and lengths."""
    found = []
    for task in draw(st.sets(st.sampled_from(["s", "t"]), min_size=1)):
        for seed in draw(st.sets(st.integers(0, 4), min_size=1, max_size=4)):
            problems = draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=7))
            n = len(problems)
            binary = draw(st.booleans())
            scores = draw(st.lists(st.sampled_from([0, 1]) if binary else SCORE, min_size=n, max_size=n))
            answers = draw(st.lists(st.sampled_from(["42", "7", None]), min_size=n, max_size=n))
            tokens = draw(st.lists(st.sampled_from([1, 50, None]), min_size=n, max_size=n))
            status = draw(st.sampled_from(["finished", "finished", "finished", "incomplete"]))
            one = study.experiment(task, seed, scores, problems, answers=answers, tokens=tokens, status=status)
            found.append(one | {"config_id": draw(st.sampled_from(["x", "y"]))})
    return found


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(runs(), min_size=1, max_size=4))
def test_any_study_is_summarised(models):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for at, experiments in enumerate(models):
            study.write(folder, f"m{at}", *experiments)
        assert main([name, "--bootstrap", "100"]) == 0
        study.loaded(folder / "comparison_results.json")
        for path in folder.rglob("*_analysis.csv"):
            for row in study.rows(path):
                _check(row)
        for row in study.rows(folder / "model_comparison.csv"):
            _check(row)
            assert int(row["n_problems"]) >= 1
        assert len(list(folder.glob("*/analysis_results.json"))) == len(models)


def _check(row):
    """Assert that numbers are finite, rates in [0, 1], intervals contain the mean, and missing verdicts explained."""
    values = {}
    for name, text in row.items():
        try:
            values[name] = float(text)
        except ValueError:
            continue
    assert all(math.isfinite(value) for value in values.values())
    assert all(0 <= values[name] <= 1 for name in RATES & set(values))
    for low, centre, high in (("ci_low", "mean_accuracy", "ci_high"), ("ci_low", "difference", "ci_high")):
        if low in values and centre in values:
            assert values[low] - 1e-9 <= values[centre] <= values[high] + 1e-9
    if row.get("verdict_new_problems") == "" and "difference" in row:
        assert row["notes"] != ""
