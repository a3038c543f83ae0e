"""The second pass through its command line: files, columns, values, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from analyze_summary import main
from tests.support import study

ROOT = Path(__file__).resolve().parents[2]
SEED_COLUMNS = (
    "model, task, config_id, temperature, top_p, max_new_tokens, metric, seed, n_samples, accuracy, stderr,"
    " mean_output_tokens, median_output_tokens, truncated_rate, no_answer_rate"
).split(", ")
CONFIG_COLUMNS = (
    "model, task, config_id, differs_in, temperature, top_p, max_new_tokens, metric, n_seeds, n_problems,"
    " mean_accuracy, std_accuracy, sem_accuracy, seed_ci_low, seed_ci_high, clustered_stderr, ci_low, ci_high,"
    " pass@1, pass@2, pass@3, maj@1, maj@2, maj@3, mean_output_tokens, median_output_tokens,"
    " mean_output_tokens_correct, mean_output_tokens_wrong, truncated_rate, no_answer_rate"
).split(", ")
PAIR_COLUMNS = (
    "task, metric, a, b, a_config_id, b_config_id, n_problems, difference, stderr, ci_low, ci_high, p_value, p_holm,"
    " p_bh, minimum_detectable_effect, verdict_new_problems, verdict_these_problems"
).split(", ")
RNG = np.random.default_rng(0)
STRONG = (RNG.random((3, 40)) < 0.9).astype(int).tolist()
MIDDLE = (RNG.random((3, 40)) < 0.6).astype(int).tolist()
WEAK = (RNG.random((3, 40)) < 0.2).astype(int).tolist()


@pytest.fixture
def three(tmp_path):
    """Three models of clearly different skill on one task of 40 problems, three seeds each."""
    for name, scores in (("strong", STRONG), ("middle", MIDDLE), ("weak", WEAK)):
        study.write(tmp_path, name, *study.seeds("aime24", *scores))
    return tmp_path


def run(folder, *arguments):
    return main([str(folder), "--bootstrap", "200", *arguments])


def test_the_documented_columns_come_first_and_in_order(three):
    assert run(three) == 0
    assert list(study.rows(three / "strong/seed_analysis.csv")[0])[: len(SEED_COLUMNS)] == SEED_COLUMNS
    assert list(study.rows(three / "strong/config_analysis.csv")[0])[: len(CONFIG_COLUMNS)] == CONFIG_COLUMNS
    assert list(study.rows(three / "model_comparison.csv")[0])[: len(PAIR_COLUMNS)] == PAIR_COLUMNS


def test_both_metrics_have_rows_and_the_primary_comes_first(three):
    run(three)
    metrics = [row["metric"] for row in study.rows(three / "strong/config_analysis.csv")]
    assert metrics == ["verified_match", "extractive_match"]
    assert [row["metric"] for row in study.rows(three / "model_comparison.csv")] == [metrics[0]] * 3 + [metrics[1]] * 3


def test_configuration_row_has_the_values_of_the_definitions(three):
    run(three)
    row = study.rows(three / "middle/config_analysis.csv")[0]
    scores = np.array(MIDDLE)
    x, seeds = scores.mean(axis=0), scores.mean(axis=1)
    expected = {"n_seeds": 3, "n_problems": 40, "mean_accuracy": scores.mean(), "std_accuracy": seeds.std(ddof=1),
                "sem_accuracy": stats.sem(seeds), "clustered_stderr": stats.sem(x), "pass@1": scores.mean(),
                "pass@3": scores.any(axis=0).mean(), "maj@1": scores.mean(), "maj@3": (scores.sum(axis=0) >= 2).mean(),
                "pass^3": scores.all(axis=0).mean()}  # fmt: skip
    assert {name: float(row[name]) for name in expected} == pytest.approx(expected, abs=1e-9)
    seed_ci = stats.t.interval(0.95, 2, seeds.mean(), stats.sem(seeds))
    assert (float(row["seed_ci_low"]), float(row["seed_ci_high"])) == pytest.approx(seed_ci)
    ci = stats.t.interval(0.95, 39, x.mean(), stats.sem(x))
    assert (float(row["ci_low"]), float(row["ci_high"])) == pytest.approx(ci)


def test_pair_row_has_the_values_of_the_paired_t_test(three):
    run(three)
    row = study.rows(three / "model_comparison.csv")[0]
    assert (row["a"], row["b"], row["n_problems"]) == ("middle", "strong", "40")
    test = stats.ttest_rel(np.mean(MIDDLE, axis=0), np.mean(STRONG, axis=0))
    assert float(row["p_value"]) == pytest.approx(test.pvalue)
    assert (float(row["ci_low"]), float(row["ci_high"])) == pytest.approx(tuple(test.confidence_interval(0.95)))
    assert float(row["minimum_detectable_effect"]) == pytest.approx(2.8015852 * float(row["stderr"]), rel=1e-6)


def test_holm_is_over_all_pairs_of_a_task_and_metric(three):
    run(three)
    found = study.rows(three / "model_comparison.csv")[:3]
    p = sorted(float(row["p_value"]) for row in found)
    holm = sorted(float(row["p_holm"]) for row in found)
    assert holm[0] == pytest.approx(3 * p[0])
    assert {row["comparisons"] for row in found} == {"3"}


def test_with_a_baseline_the_family_is_the_comparisons_with_it(three):
    assert run(three, "--baseline", "weak") == 0
    found = study.rows(three / "model_comparison.csv")[:2]
    assert [(row["a"], row["b"]) for row in found] == [("middle", "weak"), ("strong", "weak")]
    smallest = min(found, key=lambda row: float(row["p_value"]))
    assert float(smallest["p_holm"]) == pytest.approx(2 * float(smallest["p_value"]))


def test_verdicts_say_which_is_better_and_for_what(three):
    run(three)
    found = {(row["a"], row["b"]): row for row in study.rows(three / "model_comparison.csv")[:3]}
    assert found["strong", "weak"]["verdict_new_problems"] == "a better"
    assert found["middle", "strong"]["verdict_these_problems"] == "b better"


def test_the_two_verdicts_can_differ(tmp_path):
    """a is ahead on 24 problems and behind on 16 in every seed: certain on these problems, open for new ones."""
    study.write(tmp_path, "a", *study.seeds("amc23", *[[1] * 24 + [0] * 16] * 10))
    study.write(tmp_path, "b", *study.seeds("amc23", *[[0] * 24 + [1] * 16] * 10))
    run(tmp_path)
    row = study.rows(tmp_path / "model_comparison.csv")[0]
    assert (row["verdict_new_problems"], row["verdict_these_problems"]) == ("not distinguishable", "a better")


def test_problems_are_matched_by_hash_never_by_order(tmp_path):
    names = [f"p{at}" for at in range(40)]
    study.write(tmp_path, "a", *study.seeds("amc23", *MIDDLE, problems=names))
    study.write(tmp_path, "b", *study.seeds("amc23", *[run[::-1] for run in MIDDLE], problems=names[::-1]))
    run(tmp_path)
    row = study.rows(tmp_path / "model_comparison.csv")[0]
    assert (row["difference"], row["stderr"], row["p_value"]) == ("0", "0", "1")


def test_analysis_json_holds_both_tables_and_the_configuration(three):
    run(three)
    value = study.loaded(three / "strong/analysis_results.json")
    assert (value["schema_version"], value["model"]) == (1, "strong")
    place = value["configuration_analysis"]["aime24"]["temp0.6-topp0.95-max1000-00000000"]
    assert place["metrics"]["verified_match"]["n_seeds"] == 3 and place["configuration"]["temperature"] == 0.6
    assert len(value["seed_analysis"]["aime24"]["temp0.6-topp0.95-max1000-00000000"]["verified_match"]) == 3


def test_comparison_json_is_valid_and_names_the_primary_metric(three):
    run(three)
    value = study.loaded(three / "comparison_results.json")
    assert value["tasks"]["aime24"] == {"primary_metric": "verified_match", "models": ["middle", "strong", "weak"]}
    assert len(value["comparisons"]) == 6 and value["baseline"] is None


def test_two_calls_write_the_same_files(three):
    run(three)
    first = {path: path.read_bytes() for path in three.rglob("*.*")}
    run(three)
    assert {path: path.read_bytes() for path in three.rglob("*.*")} == first


def test_adding_a_model_does_not_change_the_intervals_of_others(three):
    run(three)
    before = (three / "weak/config_analysis.csv").read_bytes()
    study.write(three, "fourth", *study.seeds("aime24", *MIDDLE))
    run(three)
    assert (three / "weak/config_analysis.csv").read_bytes() == before


def test_a_single_file_is_analysed_into_the_given_path(three, tmp_path, capsys):
    out = tmp_path / "elsewhere" / "out.json"
    code = main(["--results-path", str(three / "weak/all_experiments_results.json"), "--output-path", str(out)])
    assert code == 0 and study.loaded(out)["model"] == "weak"
    assert sorted(path.name for path in out.parent.iterdir()) == [
        "config_analysis.csv",
        "out.json",
        "seed_analysis.csv",
    ]
    assert not (three / "weak/analysis_results.json").exists()


@pytest.mark.parametrize(("candidate", "code"), [("strong", 0), ("weak", 3)])
def test_requirement_exits_3_if_not_significantly_better(three, candidate, code, capsys):
    given = ["--require-better-than", "middle", "--task", "aime24", "--model", candidate]
    assert run(three, *given) == code
    words = "is significantly better than middle" if code == 0 else "is not significantly better than middle"
    assert f"aime24: {candidate} {words}" in capsys.readouterr().out


def test_requirement_without_candidates_applies_to_all_others(three):
    assert run(three, "--require-better-than", "weak", "--task", "aime24") == 0
    assert run(three, "--require-better-than", "middle", "--task", "aime24") == 3


def test_requirement_can_be_about_the_problems_of_the_benchmark_only(tmp_path):
    study.write(tmp_path, "a", *study.seeds("amc23", *[[1] * 24 + [0] * 16] * 10))
    study.write(tmp_path, "b", *study.seeds("amc23", *[[0] * 24 + [1] * 16] * 10))
    given = ["--require-better-than", "b", "--task", "amc23"]
    assert run(tmp_path, *given) == 3
    assert run(tmp_path, *given, "--on", "these-problems") == 0


def test_requirement_is_not_met_if_nothing_can_be_compared(tmp_path, capsys):
    study.write(tmp_path, "base", *study.seeds("aime24", *MIDDLE))
    study.write(tmp_path, "new", *study.seeds("aime24", *STRONG, status="incomplete"))
    assert run(tmp_path, "--require-better-than", "base", "--task", "aime24") == 3
    assert "new cannot be compared with base" in capsys.readouterr().out


def test_requirement_is_not_met_with_only_the_baseline(tmp_path, capsys):
    study.write(tmp_path, "base", *study.seeds("aime24", *MIDDLE))
    assert run(tmp_path, "--require-better-than", "base", "--task", "aime24") == 3
    assert "no model to compare with base" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--baseline", "strog"], "no model 'strog' in the results; there are: strong"),
        (["--require-better-than", "weak"], "--require-better-than NAME and --task T [T ...] must be given together"),
        (["--task", "aime24"], "--require-better-than NAME and --task T [T ...] must be given together"),
        (["--require-better-than", "weak", "--task", "aime99"], "no task 'aime99' in the results; there are: aime24"),
        (["--require-better-than", "weak", "--task", "aime24", "--model", "x"], "no model 'x' in the results"),
        (["--require-better-than", "weak", "--task", "aime24", "--baseline", "strong"], "remove --baseline"),
        (["--model", "weak"], "--model needs --require-better-than"),
        (["--output-path", "x.json"], "--output-path needs --results-path"),
        (["--alpha", "5"], "--alpha 5.0: must be between 0 and 0.5"),
        (["--bootstrap", "3"], "--bootstrap 3: must be at least 100"),
        (["--results-path", "x"], "give either OUTPUT_DIR or --results-path FILE"),
    ],
)
def test_a_mistake_in_the_arguments_is_one_line_and_exit_2(three, arguments, words, capsys):
    assert main([str(three), *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error and error.startswith("analyze_summary.py: ") and error.count("\n") == 1
    assert not (three / "model_comparison.csv").exists() and not (three / "weak/analysis_results.json").exists()


def test_no_arguments_is_exit_2(capsys):
    assert main([]) == 2
    assert "give either OUTPUT_DIR or --results-path" in capsys.readouterr().err


@pytest.mark.parametrize(("make", "words"), [(None, "no folder"), ("empty", "run analyze_results.py")])
def test_a_folder_without_results_is_exit_2_and_says_what_to_do(tmp_path, make, words, capsys):
    folder = tmp_path / "there"
    if make:
        folder.mkdir()
    assert main([str(folder)]) == 2
    assert words in capsys.readouterr().err


def test_one_models_folder_is_recognised(three, capsys):
    assert main([str(three / "weak")]) == 2
    assert "is one model's folder" in capsys.readouterr().err


BROKEN = {
    "cut": ('{"schema_version": 1, "model"', "Expecting ':' delimiter"),
    "foreign": ("[1, 2]", "not a results file of analyze_results.py"),
    "newer": (json.dumps({"schema_version": 9, "model": "m", "experiments": {}}), "schema_version is 9, not 1"),
    "binary": ("\udcff", "can't decode"),
    "deep": ("[" * 100_000, "recursion"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_bad_file_is_reported_with_its_reason_and_the_rest_is_done(three, kind, capsys):
    text, reason = BROKEN[kind]
    (three / "broken").mkdir()
    (three / "broken/all_experiments_results.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert run(three) == 1
    error = capsys.readouterr().err
    assert "left out broken/all_experiments_results.json: " in error and reason in error and error.count("\n") == 1
    assert len(study.rows(three / "model_comparison.csv")) == 6


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"samples": {"problem": ["a"], "scores": {}}}, "no samples with scores"),
        ({"samples": {"problem": ["a"], "scores": {"m": [1, 0]}}}, "but there are 1 problems"),
        ({"samples": {"scores": {"m": [1]}}}, "the key 'problem' is missing"),
        ({"samples": {"problem": ["a"], "scores": {"m": ["x"]}}}, "could not convert"),
        ({"samples": None}, "object"),
    ],
)
def test_a_bad_experiment_is_reported_and_the_rest_of_its_file_used(three, change, reason, capsys):
    study.write(three, "weak", *study.seeds("aime24", *WEAK), study.experiment("amc23", 0, [1]) | change)
    assert run(three) == 1
    error = capsys.readouterr().err
    assert "weak/all_experiments_results.json: amc23_" in error and reason in error
    assert len(study.rows(three / "weak/config_analysis.csv")) == 2


def test_a_bad_single_file_is_exit_1(tmp_path, capsys):
    path = tmp_path / "all_experiments_results.json"
    path.write_text("{")
    assert main(["--results-path", str(path)]) == 1
    assert "run analyze_results.py again" in capsys.readouterr().err


def test_two_folders_with_one_model_name_are_never_merged(three, capsys):
    path = study.write(three, "strong2", *study.seeds("aime24", *WEAK))
    path.write_text(path.read_text().replace('"strong2"', '"strong"'))
    assert run(three) == 1
    assert "same model 'strong' as in strong; rename one" in capsys.readouterr().err


def test_help_answers_fast_and_documents_the_exit_codes():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "analyze_summary.py", "--help"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0 and "Exit codes" in done.stdout
    assert "numpy" not in done.stderr and "rich" not in done.stderr


def test_if_every_file_is_bad_each_is_reported_and_nothing_written(tmp_path, capsys):
    (tmp_path / "m").mkdir()
    (tmp_path / "m/all_experiments_results.json").write_text("{")
    assert run(tmp_path, "--baseline", "m") == 1
    error = capsys.readouterr().err
    assert "left out m/all_experiments_results.json" in error and "none of the results can be used" in error
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
