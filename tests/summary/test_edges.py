"""Edge cases: an unknown value is an empty cell with a reason, and nothing warns or divides by zero."""

import json

import numpy as np
import pytest

from analyze_summary import main
from tests.support import study

COIN = np.random.default_rng(1).integers(0, 2, size=(4, 30)).tolist()


def run(folder, *arguments):
    return main([str(folder), "--bootstrap", "200", *arguments])


def config(folder, model="m"):
    return study.rows(folder / model / "config_analysis.csv")[0]


def empty(row, *names):
    return {name for name in names if row[name] == ""} == set(names)


def test_one_seed_has_no_seed_noise_but_a_wilson_interval(tmp_path, capsys):
    study.write(tmp_path, "m", *study.seeds("aime24", COIN[0]))
    assert run(tmp_path) == 0
    row = config(tmp_path)
    assert empty(row, "std_accuracy", "sem_accuracy", "seed_ci_low", "seed_ci_high", "variance_within_problems")
    assert float(row["wilson_low"]) < float(row["mean_accuracy"]) < float(row["wilson_high"])
    assert "one seed: the noise between seeds is unknown" in row["notes"]
    assert "1 seed, few for 30 problems (10 are usual)" in capsys.readouterr().out


def test_one_problem_has_no_problem_noise(tmp_path):
    study.write(tmp_path, "m", *study.seeds("t", [1], [0], [1]))
    assert run(tmp_path) == 0
    row = config(tmp_path)
    assert empty(row, "clustered_stderr", "ci_low", "ci_high") and row["std_accuracy"] != ""
    assert "one problem: the noise between problems is unknown" in row["notes"]


def test_one_problem_and_one_seed_give_only_a_mean(tmp_path):
    for name, score in (("m", 1), ("n", 0)):
        study.write(tmp_path, name, *study.seeds("t", [score]))
    assert run(tmp_path) == 0
    row = study.rows(tmp_path / "model_comparison.csv")[0]
    assert (config(tmp_path)["mean_accuracy"], row["difference"]) == ("1", "1")
    assert empty(
        row, "stderr", "p_value", "p_holm", "verdict_new_problems", "verdict_these_problems", "seeds_to_settle"
    )
    assert "one shared problem" in row["notes"] and "one seed" in row["notes"]


@pytest.mark.parametrize("score", [0, 1])
def test_all_right_or_all_wrong_has_no_spread_but_a_wilson_interval(tmp_path, score):
    study.write(tmp_path, "m", *study.seeds("t", *[[score] * 20] * 3))
    assert run(tmp_path) == 0
    row = config(tmp_path)
    assert (row["mean_accuracy"], row["std_accuracy"], row["clustered_stderr"]) == (str(score), "0", "0")
    assert float(row["wilson_high"]) - float(row["wilson_low"]) == pytest.approx(0.161, abs=0.001)


def test_the_length_of_right_answers_is_empty_if_all_are_wrong(tmp_path):
    study.write(tmp_path, "m", *study.seeds("t", [0, 0]))
    run(tmp_path)
    row = config(tmp_path)
    assert row["mean_output_tokens_correct"] == "" and row["mean_output_tokens_wrong"] == "100"


def test_all_right_against_all_wrong_is_significant_only_with_enough_problems(tmp_path):
    for n, verdict in ((3, "not distinguishable"), (12, "a better")):
        study.write(tmp_path, "a", *study.seeds("t", *[[1] * n] * 2))
        study.write(tmp_path, "b", *study.seeds("t", *[[0] * n] * 2))
        assert run(tmp_path) == 0
        row = study.rows(tmp_path / "model_comparison.csv")[0]
        assert (row["stderr"], row["verdict_new_problems"]) == ("0", verdict)
        assert float(row["p_value"]) == 0.5 ** (n - 1)


def test_equal_seeds_at_temperature_zero_have_no_noise_and_identical_models_do_not_differ(tmp_path):
    for name in "ab":
        study.write(tmp_path, name, *study.seeds("t", COIN[0], COIN[0], configuration={"temperature": 0.0}))
    assert run(tmp_path) == 0
    row = study.rows(tmp_path / "model_comparison.csv")[0]
    assert config(tmp_path, "a")["std_accuracy"] == "0"
    assert (row["p_value"], row["p_value_these_problems"], row["seeds_to_settle"]) == (
        "1",
        "1",
        "none: no difference seen",
    )


def test_seeds_with_different_problems_are_reported_and_never_padded(tmp_path, capsys):
    runs = [study.experiment("t", 0, COIN[0]), study.experiment("t", 1, COIN[1][:20])]
    study.write(tmp_path, "m", *runs)
    assert run(tmp_path) == 0
    row = config(tmp_path)
    both = COIN[0] + COIN[1][:20]
    assert float(row["mean_accuracy"]) == pytest.approx(np.mean(both))
    x = [np.mean([COIN[0][i], COIN[1][i]]) for i in range(20)] + COIN[0][20:]
    assert float(row["clustered_stderr"]) == pytest.approx(np.std(x, ddof=1) / np.sqrt(30))
    assert "problems have 1 to 2 completions" in row["notes"]
    assert "its seeds asked different problems: 20 to 30 of 30" in capsys.readouterr().out


def test_a_missing_seed_is_reported(tmp_path, capsys):
    study.write(tmp_path, "m", *(study.experiment("t", seed, COIN[0]) for seed in (0, 1, 3)))
    run(tmp_path)
    assert "seeds missing: 2" in capsys.readouterr().out


def test_a_missing_completion_is_a_missing_cell(tmp_path):
    study.write(tmp_path, "m", *study.seeds("t", [1, None, 0], [1, 1, 0]))
    run(tmp_path)
    assert float(config(tmp_path)["mean_accuracy"]) == pytest.approx(3 / 5)


def test_a_run_with_an_unknown_seed_is_kept_with_an_empty_cell(tmp_path):
    study.write(tmp_path, "m", study.experiment("t", None, COIN[0]))
    assert run(tmp_path) == 0
    assert study.rows(tmp_path / "m/seed_analysis.csv")[0]["seed"] == ""


def test_a_second_run_of_a_seed_is_reported_and_left_out(tmp_path, capsys):
    first, second = study.experiment("t", 0, [1, 1]), study.experiment("t", 0, [0, 0])
    path = study.write(tmp_path, "m", first)
    value = json.loads(path.read_text())
    value["experiments"]["again"] = second
    path.write_text(json.dumps(value))
    assert run(tmp_path) == 1
    assert config(tmp_path)["mean_accuracy"] == "1"
    reason = "again: same task, configuration and seed as "
    assert f"left out m/all_experiments_results.json: {reason}" in capsys.readouterr().err


def test_unfinished_and_incomplete_seeds_are_left_out_of_means_but_listed(tmp_path, capsys):
    study.write(
        tmp_path, "m",
        study.experiment("t", 0, [0] * 10),
        study.experiment("t", 1, [1] * 4, status="unfinished", provisional=True),
        study.experiment("t", 2, [1] * 9, status="incomplete"),
    )  # fmt: skip
    assert run(tmp_path) == 0
    row = config(tmp_path)
    assert (row["n_seeds"], row["mean_accuracy"], row["provisional"]) == ("1", "0", "true")
    assert "2 unfinished or incomplete seeds left out" in row["notes"]
    listed = study.rows(tmp_path / "m/seed_analysis.csv")
    assert [one["status"] for one in listed if one["metric"] == "verified_match"] == [
        "finished",
        "unfinished",
        "incomplete",
    ]
    assert "provisional" in capsys.readouterr().out


def test_finished_seeds_of_a_running_sweep_count_and_are_marked_provisional(tmp_path):
    runs = study.seeds("t", *COIN[:2], provisional=True)
    study.write(tmp_path, "m", *runs, unfinished=[{"experiment": "t_seed2", "path": "x", "completions": 3}])
    study.write(tmp_path, "n", *study.seeds("t", *COIN[2:]))
    assert run(tmp_path) == 0
    assert (config(tmp_path)["n_seeds"], config(tmp_path)["provisional"]) == ("2", "true")
    assert study.rows(tmp_path / "model_comparison.csv")[0]["provisional"] == "true"


def test_a_model_without_a_finished_seed_has_empty_values_and_is_not_compared(tmp_path, capsys):
    study.write(tmp_path, "m", study.experiment("t", 0, [1, 1], status="incomplete"))
    study.write(tmp_path, "n", *study.seeds("t", [1, 0]))
    assert run(tmp_path) == 0
    row = config(tmp_path)
    assert row["n_seeds"] == "0" and empty(row, "mean_accuracy", "clustered_stderr", "wilson_low", "mean_output_tokens")
    assert "no finished seed yet" in row["notes"]
    assert study.rows(tmp_path / "model_comparison.csv") == []


def test_a_single_model_has_no_comparisons_and_no_best(tmp_path, capsys):
    study.write(tmp_path, "m", *study.seeds("t", *COIN))
    assert run(tmp_path) == 0
    out = capsys.readouterr().out
    assert "best" not in out and "distinguishable" not in out
    assert study.loaded(tmp_path / "comparison_results.json")["comparisons"] == []


def test_sets_without_a_shared_problem_are_reported_as_not_compared(tmp_path, capsys):
    study.write(tmp_path, "a", *study.seeds("t", [1, 0], problems=["p", "q"]))
    study.write(tmp_path, "b", *study.seeds("t", [1, 0], problems=["r", "s"]))
    assert run(tmp_path) == 0
    assert study.loaded(tmp_path / "comparison_results.json")["not_compared"][0]["reason"] == "no shared problem"
    assert "not compared on t: a and b share no problem" in capsys.readouterr().out


def test_partly_shared_sets_are_compared_on_the_shared_problems(tmp_path):
    study.write(tmp_path, "a", *study.seeds("t", [1, 0, 1, 1], problems=list("pqrs")))
    study.write(tmp_path, "b", *study.seeds("t", [0, 0, 1, 0], problems=list("qrsx")))
    run(tmp_path)
    row = study.rows(tmp_path / "model_comparison.csv")[0]
    assert row["n_problems"] == "3" and "problem sets differ: 3 of 4 shared" in row["notes"]
    assert float(row["difference"]) == pytest.approx(1 / 3)


def test_a_repeated_problem_counts_as_two_problems(tmp_path):
    study.write(tmp_path, "m", *study.seeds("t", [1, 0], problems=["p", "p"]))
    run(tmp_path)
    assert config(tmp_path)["n_problems"] == "2"


def test_problems_without_a_hash_match_between_seeds_but_never_between_models(tmp_path):
    for name in "ab":
        study.write(tmp_path, name, *study.seeds("t", [1, 0], [1, 1], problems=[None, None], config_id=name))
    run(tmp_path)
    assert config(tmp_path, "a")["n_problems"] == "2"
    assert study.rows(tmp_path / "model_comparison.csv") == []


def test_scores_between_0_and_1_have_means_but_no_pass_at_k(tmp_path):
    scores = [[0.5, 1.0, 0.25], [0.25, 1.0, 0.0]]
    study.write(tmp_path, "m", *(study.experiment("t", i, s, metrics={"partial": s}) for i, s in enumerate(scores)))
    assert run(tmp_path) == 0
    row = config(tmp_path)
    assert float(row["mean_accuracy"]) == 0.5 and empty(row, "pass@1", "maj@1", "pass^2", "wilson_low")
    assert "scores between 0 and 1" in row["notes"] and row["ci_low"] != ""


def test_majority_votes_are_by_answer_class_and_all_right_completions_vote_together(tmp_path):
    answers = (["1/2"], ["0.5"], ["3"], ["3"], [None])
    runs = [study.experiment("t", i, [int(i < 2)], answers=list(a)) for i, a in enumerate(answers)]
    study.write(tmp_path, "m", *runs)
    run(tmp_path)
    row = config(tmp_path)
    assert float(row["maj@5"]) == 0.5  # two votes for the right answer, two for 3; no answer is no vote
    assert float(row["maj@1"]) == pytest.approx(0.4)


def test_majority_falls_back_to_extracted_strings_and_is_empty_without_them(tmp_path):
    runs = study.seeds("t", [1], [0])
    for one in runs:
        samples = one["samples"]
        samples["answer_class"] = {}
        samples["extracted"] = {"verified_match": [["4"]] if one["seed"] else ["5"]}
    study.write(tmp_path, "m", *runs)
    run(tmp_path)
    first, second = study.rows(tmp_path / "m/config_analysis.csv")
    assert first["maj@2"] == "0.5" and second["maj@2"] == "" and "answers not recorded" in second["notes"]


def test_truncation_and_no_answer_above_5_percent_are_reported(tmp_path, capsys):
    runs = study.seeds(
        "t", [0] * 10 + [1] * 10, answers=[None] * 2 + ["7"] * 8 + ["42"] * 10, truncated=[True] * 3 + [False] * 17
    )
    study.write(tmp_path, "m", *runs)
    run(tmp_path)
    out = capsys.readouterr().out
    assert "15% truncated" in out and "10% no answer" in out
    row = config(tmp_path)
    assert (row["truncated_rate"], row["no_answer_rate"]) == ("0.15", "0.1")
    assert float(row["accuracy_untruncated"]) == pytest.approx(10 / 17)


def test_unknown_truncation_is_empty_not_zero(tmp_path):
    runs = study.seeds("t", [1, 0], tokens=[None, None], truncated=[None, None], grading_status=[None, None])
    study.write(tmp_path, "m", *runs)
    run(tmp_path)
    assert empty(config(tmp_path), "truncated_rate", "mean_output_tokens", "median_output_tokens", "p95_output_tokens")


def test_configurations_of_one_model_are_labelled_by_their_difference(tmp_path):
    thinking = {"chat_template_kwargs": {"enable_thinking": True}}
    study.write(tmp_path, "m", *study.seeds("t", *COIN[:2], config_id="a"),
                *study.seeds("t", *COIN[2:], config_id="b", configuration=thinking))  # fmt: skip
    run(tmp_path)
    words = [row["differs_in"] for row in study.rows(tmp_path / "m/config_analysis.csv")]
    assert words == ["enable_thinking=unset"] * 2 + ["enable_thinking=true"] * 2
    row = study.rows(tmp_path / "model_comparison.csv")[0]
    assert (row["a"], row["b"]) == ("m (enable_thinking=true)", "m (enable_thinking=unset)")
    assert "conditions differ: enable_thinking true vs unset" in row["notes"]


def test_the_name_of_a_model_with_two_configurations_is_ambiguous_as_a_baseline(tmp_path, capsys):
    study.write(tmp_path, "m", *study.seeds("t", *COIN[:2], config_id="a"),
                *study.seeds("t", *COIN[2:], config_id="b", configuration={"temperature": 1.0}))  # fmt: skip
    assert run(tmp_path, "--baseline", "m") == 2
    assert (
        "'m' has several configurations on t: give 'm (temperature=0.6)' or 'm (temperature=1)'"
        in capsys.readouterr().err
    )
    assert run(tmp_path, "--baseline", "m (temperature=1)") == 0
    assert study.rows(tmp_path / "model_comparison.csv")[0]["b"] == "m (temperature=1)"


def test_mixed_circumstances_are_reported_and_averaged_all_the_same(tmp_path, capsys):
    runs = study.seeds("t", *COIN[:2])
    runs[1]["circumstances"] = {"gpu_names": ["B"], "vllm_version": "0.32.0"}
    runs[1]["configuration"]["max_num_seqs"] = 7
    study.write(tmp_path, "m", *runs)
    assert run(tmp_path) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "mixed circumstances: max_num_seqs is unset, 7" in out and 'gpu_names is ["A"], ["B"]' in out
    assert config(tmp_path)["n_seeds"] == "2"


def test_a_model_without_the_primary_metric_is_shown_with_its_own_and_noted(tmp_path, capsys):
    study.write(tmp_path, "a", *study.seeds("t", *COIN[:2]))
    study.write(tmp_path, "b", *study.seeds("t", *COIN[:2]))
    study.write(
        tmp_path, "old", *(study.experiment("t", i, s, metrics={"extractive_match": s}) for i, s in enumerate(COIN[:2]))
    )
    assert run(tmp_path) == 0
    assert "extractive_match" in next(line for line in capsys.readouterr().out.splitlines() if line.startswith("  old"))
    pairs = [(row["metric"], row["a"], row["b"]) for row in study.rows(tmp_path / "model_comparison.csv")]
    assert ("extractive_match", "a", "old") in pairs and ("verified_match", "a", "old") not in pairs


def test_tasks_have_the_same_weight_in_the_macro_average(tmp_path):
    for name, big in (("a", 1), ("b", 0)):
        study.write(tmp_path, name, *study.seeds("large", *[[big] * 60] * 2), *study.seeds("small", *COIN[:2]))
    run(tmp_path)
    value = study.loaded(tmp_path / "comparison_results.json")
    first = value["overall"][0]
    assert first["macro_accuracy"] == pytest.approx((1 + np.mean(COIN[:2])) / 2) and first["n_tasks"] == 2
    assert value["overall_comparisons"][0]["difference"] == pytest.approx(0.5)


def test_hostile_names_are_escaped_on_the_terminal_and_in_latex(tmp_path, capsys):
    study.write(tmp_path, "evil\x1b[31m_{$&%", *study.seeds("t", *COIN[:2]))
    study.write(tmp_path, "[red]x[/red]", *study.seeds("t", *COIN[2:]))
    assert run(tmp_path) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "[red]x[/red]" in out
    latex = (tmp_path / "tables/results.tex").read_text()
    assert r"evil\textbackslash{}x1b[31m\_\{\$\&\%" in latex and "\x1b" not in latex


def test_configurations_without_a_recorded_difference_are_labelled_by_their_ids(tmp_path):
    study.write(tmp_path, "m", *study.seeds("s", *COIN[:2], config_id="x"), *study.seeds("s", *COIN[2:], config_id="y"),
                *study.seeds("t", *COIN[:2], config_id="x"))  # fmt: skip
    assert run(tmp_path) == 0
    row = study.rows(tmp_path / "model_comparison.csv")[0]
    assert (row["a"], row["b"]) == ("m (x)", "m (y)")
    assert [one["tasks"] for one in study.loaded(tmp_path / "comparison_results.json")["overall"]] == [["s", "t"]]


def test_averages_over_tasks_are_taken_within_each_setting(tmp_path):
    for name in "mn":
        hot = {"config_id": "hot", "configuration": {"temperature": 1.0, "data_hash": name}}
        study.write(tmp_path, name, *study.seeds("s", *COIN[:2]), *study.seeds("t", *COIN[:2]),
                    *study.seeds("s", *COIN[2:], **hot), *study.seeds("t", *COIN[2:], **hot))  # fmt: skip
    assert run(tmp_path) == 0
    found = study.loaded(tmp_path / "comparison_results.json")
    assert [row["label"] for row in found["overall"]][:1] == ["m (temperature=1, data_hash=m)"]
    assert len(found["overall"]) == 4 and len(found["overall_comparisons"]) == 6


def test_differing_conditions_and_problem_sets_are_reported_once_per_task(tmp_path, capsys):
    study.write(tmp_path, "a", *study.seeds("t", *COIN[:2]))
    study.write(tmp_path, "b", *study.seeds("t", *COIN[2:], configuration={"max_new_tokens": 500}))
    study.write(tmp_path, "c", *study.seeds("t", COIN[0][:20], COIN[1][:20]))
    assert run(tmp_path) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "conditions differ: max_new_tokens is 1000, 500 on t" in out
    assert "problem sets differ: only 20 of 30 problems were asked of all on t" in out
    warned = [one for one in study.loaded(tmp_path / "comparison_results.json")["warnings"] if one["model"] is None]
    assert len(warned) == 2
