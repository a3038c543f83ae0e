"""Checkpoint series in the second pass: scores by step, the best against first and last, its optimism, the outputs."""

import numpy as np
import pytest
from scipy import stats

from analyze_summary import main
from evalsuite.statistics.paired import holm
from tests.support import study
from tests.support.study import SCORES, SKILLS, write_series

STEPS = sorted(SKILLS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    write_series(folder, SCORES)
    study.write(folder, "base", *study.seeds("aime24", *SCORES[100].tolist()))
    assert main([str(folder), "--bootstrap", "200"]) == 0
    return folder


def rows(folder):
    return study.rows(folder / "series_analysis.csv")


def test_rows_are_ordered_by_step_and_equal_those_of_the_configurations(folder):
    assert [(row["series"], int(row["step"])) for row in rows(folder)] == [("run7", step) for step in STEPS]
    assert [row["best"] for row in rows(folder)] == ["false", "false", "true", "false"]
    for row in rows(folder):
        own = study.rows(folder / row["model"] / "config_analysis.csv")[0]
        assert (own["series"], own["step"]) == ("run7", row["step"])
        shared = set(row) & set(own)
        assert {"mean_accuracy", "std_accuracy", "wilson_low", "mean_output_tokens", "truncated_rate"} <= shared
        assert {name: row[name] for name in shared} == {name: own[name] for name in shared}
    (seed,) = {(row["series"], row["step"]) for row in study.rows(folder / "run7@400" / "seed_analysis.csv")}
    assert seed == ("run7", "400")
    assert {row["series"] + row["step"] for row in study.rows(folder / "base" / "config_analysis.csv")} == {""}


def test_p_values_are_corrected_over_all_comparisons_with_first_and_last(folder):
    x = {step: scores.mean(axis=0) for step, scores in SCORES.items()}
    pairs = [(step, 1000) for step in STEPS[:-1]] + [(step, 100) for step in STEPS[1:-1]]
    plain = [stats.ttest_rel(x[a], x[b]).pvalue for a, b in pairs]
    corrected = dict(zip(pairs, holm(plain), strict=True))
    by_step = {int(row["step"]): row for row in rows(folder)}
    for (a, b), p in corrected.items():
        end = "last" if b == 1000 else "first"
        assert float(by_step[a][f"p_holm_against_{end}"]) == pytest.approx(p)
        assert float(by_step[a][f"difference_against_{end}"]) == pytest.approx((x[a] - x[b]).mean())
    assert {row["comparisons"] for row in rows(folder)} == {"5"}


def test_last_against_first_is_first_against_last_reversed(folder):
    first, *_, last = rows(folder)
    for name, other in (("difference", "difference"), ("ci_low", "ci_high"), ("ci_high", "ci_low")):
        assert float(last[f"{name}_against_first"]) == pytest.approx(-float(first[f"{other}_against_last"]))
    assert (first["verdict_new_problems_against_last"], last["verdict_new_problems_against_first"]) == (
        "worse",
        "better",
    )
    assert first["difference_against_first"] == last["difference_against_last"] == ""


def test_screen_tables_and_json_have_the_same_sentences(folder, capsys):
    main([str(folder), "--bootstrap", "200"])
    (line,) = study.loaded(folder / "comparison_results.json")["series"]
    said = " ".join(capsys.readouterr().out.split())
    table = (folder / "tables" / "series.md").read_text().replace("\\", "")
    assert line["sentences"][0].startswith("run7 on aime24: step 400 is best of 4, ")
    assert "distinguishable from the last (step 1000), +" in line["sentences"][0]
    assert all(sentence in said and sentence in table for sentence in line["sentences"])
    assert (line["first"], line["best"], line["last"], len(line["steps"])) == (100, 400, 1000, 4)
    assert "Holm over a series' comparisons with its first and its last checkpoint (at most 5)" in said


def test_the_best_of_equal_checkpoints_is_optimistic_and_not_distinguishable(tmp_path):
    rng = np.random.default_rng(2)
    write_series(tmp_path, {step: (rng.random((2, 40)) < 0.5).astype(int) for step in range(1, 13)})
    assert main([str(tmp_path), "--bootstrap", "100"]) == 0
    (line,) = study.loaded(tmp_path / "comparison_results.json")["series"]
    assert 0.02 < line["optimism"] < 0.15  # twelve means of 80 answers: their highest is 1.6 of 5.6 points too high
    answer, worth = line["sentences"]
    assert answer.count("not distinguishable from the") == 2 - (line["best"] in (1, 12))
    assert "The best of 12 was selected by its score" in worth and " points; corrected, it is " in worth
    best = next(row for row in rows(tmp_path) if row["best"] == "true")
    assert float(best["optimism"]) == pytest.approx(line["optimism"])
    assert sum(row["optimism"] != "" for row in rows(tmp_path)) == 1


def test_a_best_checkpoint_far_above_the_others_is_hardly_optimistic(tmp_path):
    write_series(tmp_path, {1: np.ones((2, 40), int), 2: np.zeros((2, 40), int)})
    assert main([str(tmp_path), "--bootstrap", "100"]) == 0
    (line,) = study.loaded(tmp_path / "comparison_results.json")["series"]
    assert line["optimism"] == 0 and "here by less than 0.1 points" in line["sentences"][1]


def test_each_setting_of_a_series_is_a_line_and_two_series_never_mix(tmp_path):
    for temperature, kind in ((0.6, "a"), (1.0, "b")):
        for step, runs in SCORES.items():
            configuration = {"weights": str(step), "temperature": temperature}
            more = {"configuration": configuration, "series": "run7", "step": step, "config_id": f"{kind}-{step}"}
            path = tmp_path / f"run7@{step}" / "all_experiments_results.json"
            had = list(study.loaded(path)["experiments"].values()) if path.exists() else []
            study.write(tmp_path, f"run7@{step}", *had, *study.seeds("aime24", *runs.tolist(), **more))
    write_series(tmp_path, {400: SCORES[400]}, series="run8")
    assert main([str(tmp_path), "--bootstrap", "100"]) == 0
    lines = study.loaded(tmp_path / "comparison_results.json")["series"]
    assert [(line["series"], line["setting"], len(line["steps"])) for line in lines] == [
        ("run7", "temperature=0.6", 4), ("run7", "temperature=1", 4), ("run8", "", 1),
    ]  # fmt: skip
    assert lines[2]["sentences"][0].startswith("run8 on aime24: one checkpoint so far, step 400, ")


def test_a_checkpoint_that_was_overwritten_is_never_averaged_into_the_line(tmp_path):
    write_series(tmp_path, SCORES)
    again = study.seeds("aime24", *SCORES[100].tolist(), configuration={"weights": "new"}, series="run7", step=400)
    old = study.loaded(tmp_path / "run7@400" / "all_experiments_results.json")["experiments"].values()
    study.write(tmp_path, "run7@400", *old, *again)
    assert main([str(tmp_path), "--bootstrap", "100"]) == 0
    lines = study.loaded(tmp_path / "comparison_results.json")["series"]
    assert [len(line["steps"]) for line in lines] == [4, 1]


def test_without_checkpoints_no_series_files_are_written(tmp_path, capsys):
    study.write(tmp_path, "base", *study.seeds("aime24", *SCORES[100].tolist()))
    assert main([str(tmp_path), "--bootstrap", "100"]) == 0
    assert not (tmp_path / "series_analysis.csv").exists() and not (tmp_path / "tables" / "series.md").exists()
    assert "Series:" not in capsys.readouterr().out


def test_the_screen_shows_at_most_13_of_60_checkpoints_with_first_best_and_last(tmp_path, capsys):
    rng = np.random.default_rng(1)
    skills = {step: (rng.random((2, 30)) < 0.3 + 0.5 * (step == 37)).astype(int) for step in range(1, 61)}
    write_series(tmp_path, skills)
    assert main([str(tmp_path), "--bootstrap", "100"]) == 0
    out = capsys.readouterr().out
    part = out[out.index("\nrun7 on aime24\n") : out.index("Series:")]
    shown = [line.split()[0] for line in part.splitlines() if line[:6].strip().isdecimal() and "[" in line]
    assert {"1", "37", "60"} <= set(shown) and len(shown) <= 13
    assert max(map(len, part.splitlines())) <= 80
