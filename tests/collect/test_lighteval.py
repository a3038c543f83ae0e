"""Trees written by lighteval, of any release and depth, and by earlier suites built on it."""

import json
import shutil

import pytest

from evalsuite.collect import read_tree
from evalsuite.tasks.problems import problem_hash
from tests.support import tree_maker as make

SUITE = "3-0.8-0.9-bfloat16-128-32768-aime24-4096"
OTHER_DATE = "2026-11-24T00-00-00.000000"


def only(folder):
    (experiment,) = make.load(folder)["experiments"].values()
    return experiment


def test_the_recorded_lighteval_tree_has_two_tasks_of_three_seeds(tmp_path, shared):
    tree = shutil.copytree(shared / "recorded/lighteval_tree", tmp_path / "tree", copy_function=shutil.copyfile)
    for folder in (tree, *tree.rglob("*")):
        folder.chmod(0o755 if folder.is_dir() else 0o644)
    report = read_tree(tree)
    assert not report.failed and not report.models[0].warnings
    written = make.load(tree / "SmolLM2-135M-Instruct")
    assert written["model"] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    found = {(one["task"], one["seed"]) for one in written["experiments"].values()}
    assert found == {(task, seed) for task in ("p_aime24", "p_amc23") for seed in range(3)}
    experiment = written["experiments"]["p_aime24-seed1"]
    configuration, samples = experiment["configuration"], experiment["samples"]
    assert (configuration["temperature"], configuration["top_p"], configuration["max_new_tokens"]) == (0.8, 0.9, 256)
    assert (configuration["dtype"], configuration["max_num_seqs"], configuration["top_k"]) == ("bfloat16", 128, None)
    assert len({one["config_id"] for one in written["experiments"].values()}) == 2, "one configuration per task"
    assert samples["scores"] == {"extractive_match": [0.0] * 16}
    assert samples["truncated"] == [tokens == 256 for tokens in samples["output_tokens"]]


def test_problems_of_lighteval_trees_are_identified_by_query_and_gold(tmp_path):
    make.nested(tmp_path / "tiny/run-seed0")
    read_tree(tmp_path)
    assert only(tmp_path / "tiny")["samples"]["problem"] == [problem_hash(f"problem {at}", "4") for at in range(6)]


def test_without_a_finish_reason_a_completion_at_the_token_limit_is_truncated(tmp_path):
    make.nested(tmp_path / "tiny/run-seed0")
    read_tree(tmp_path)
    samples = only(tmp_path / "tiny")["samples"]
    assert samples["output_tokens"] == [10, 11, 100, 13, 14, 100] and samples["finish_reason"] == [None] * 6
    assert samples["truncated"] == [False, False, True, False, False, True]


def test_a_short_model_length_limits_the_tokens_to_what_the_prompt_leaves(tmp_path):
    path = make.nested(tmp_path / "tiny/run-seed0", max_new_tokens=32768)
    results = next((tmp_path / "tiny/run-seed0/results").rglob("*.json"))
    data = json.loads(results.read_text())
    data["config_general"]["model_config"]["max_model_length"] = 105  # prompts are of 5 tokens
    results.write_text(json.dumps(data))
    read_tree(tmp_path)
    assert path.exists() and only(tmp_path / "tiny")["samples"]["truncated"] == [False, False, True] * 2


def test_without_any_limit_truncation_is_unknown(tmp_path):
    make.flat(tmp_path / "tiny/run-seed0", max_new_tokens=None)
    results = next((tmp_path / "tiny").rglob("results_*.json"))
    data = json.loads(results.read_text())
    data["config_tasks"] = {}
    results.write_text(json.dumps(data))
    read_tree(tmp_path)
    assert only(tmp_path / "tiny")["results"]["truncated_rate"] is None


@pytest.mark.parametrize("text", [False, True], ids=["typed", "as strings"])
def test_flat_details_read_like_nested_ones(tmp_path, text):
    make.flat(tmp_path / "a/tiny/run-seed0", text=text)
    make.nested(tmp_path / "b/tiny/run-seed0")
    read_tree(tmp_path / "a")
    read_tree(tmp_path / "b")
    old, new = only(tmp_path / "a/tiny"), only(tmp_path / "b/tiny")
    assert old["samples"] | {"id": None, "answer_class": None} == new["samples"] | {"id": None, "answer_class": None}
    assert old["samples"]["answer_class"] == {"extractive_match": ["4", "7", None] * 2}
    assert old["results"] == new["results"] and old["task"] == new["task"] == "aime24"


def test_columns_with_double_underscores_are_nested_details(tmp_path):
    rows = make.own_rows(3)
    rows = [{f"__{name}__": value for name, value in row.items()} for row in rows]
    folder = tmp_path / "tiny/run-seed2"
    make.write_json(folder / f"results/tiny/results_{make.DATE}.json",
                    make.results_json("tiny", "aime24|0", {"verified_match": 1 / 3}, 2, False))  # fmt: skip
    make.write_parquet(folder / f"details/tiny/{make.DATE}/details_aime24|0_{make.DATE}.parquet", rows)
    read_tree(tmp_path)
    assert only(tmp_path / "tiny")["samples"]["scores"]["verified_match"] == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("folder", "parameters"),
    [
        (SUITE, {"dtype": "bfloat16", "max_num_seqs": 128, "max_num_batched_tokens": 32768, "max_model_length": 4096}),
        ("3-0.8-0.9-aime24-100", {"max_new_tokens": 100, "dtype": None}),
        ("3-0.8-0.9-bfloat16-128-32768-aime24-4096-nochat", {"use_chat_template": False}),
        ("3-1e-05-1.0-gpqa:diamond-16384", {"max_new_tokens": 100}),
    ],
)
def test_parameters_of_earlier_suites_are_taken_from_folder_names(tmp_path, folder, parameters):
    make.flat(tmp_path / "org_tiny" / folder, seed=None)
    read_tree(tmp_path)
    experiment = only(tmp_path / "org_tiny")
    assert experiment["seed"] == 3 and experiment["experiment"] == folder
    assert {key: experiment["configuration"][key] for key in parameters} == parameters


def test_the_results_file_overrides_the_folders_name_with_a_warning(tmp_path):
    make.flat(tmp_path / "org_tiny" / SUITE, seed=5)
    read_tree(tmp_path)
    assert only(tmp_path / "org_tiny")["seed"] == 5
    assert "name says seed 3, the results file 5" in make.load(tmp_path / "org_tiny")["warnings"][0]


def test_the_folders_seed_is_preferred_to_lightevals_default_engine_seed(tmp_path):
    make.nested(tmp_path / "tiny/aime_seed_7", seed=None)
    make.nested(tmp_path / "tiny/aime_x", seed=None)
    read_tree(tmp_path)
    assert {one["seed"] for one in make.load(tmp_path / "tiny")["experiments"].values()} == {7, 1234}


def test_details_without_results_take_their_parameters_from_names(tmp_path):
    make.flat(tmp_path / "org_tiny" / SUITE)
    shutil.rmtree(tmp_path / "org_tiny" / SUITE / "results")
    read_tree(tmp_path)
    experiment = only(tmp_path / "org_tiny")
    assert (experiment["seed"], experiment["task"], experiment["configuration"]["temperature"]) == (3, "aime24", 0.8)
    assert make.load(tmp_path / "org_tiny")["model"] == "org/tiny"
    assert "no results file" in make.load(tmp_path / "org_tiny")["warnings"][0]


def test_results_without_details_are_skipped_and_their_scores_quoted(tmp_path):
    make.flat(tmp_path / "org_tiny" / SUITE)
    shutil.rmtree(tmp_path / "org_tiny" / SUITE / "details")
    report = read_tree(tmp_path)
    assert report.failed and "results without details (extractive_match 0.3333)" in report.bad[0].reason


def test_one_output_folder_may_hold_several_tasks_dates_and_seeds(tmp_path):
    make.nested(tmp_path / "tiny/out", key="aime24|0", seed=0)
    make.nested(tmp_path / "tiny/out", key="amc23|4", seed=1, date=OTHER_DATE)
    read_tree(tmp_path)
    found = make.load(tmp_path / "tiny")["experiments"]
    assert {(one["task"], one["seed"]) for one in found.values()} == {("aime24", 0), ("amc23|4", 1)}
    assert all(name.endswith(f"_seed{one['seed']}") and one["config_id"] in name for name, one in found.items())


def test_a_lighteval_folder_without_a_model_level_is_written_into_itself(tmp_path):
    make.nested(tmp_path)
    report = read_tree(tmp_path)
    assert report.models[0].path == str(tmp_path / "all_experiments_results.json")
    assert make.load(tmp_path)["model"] == "org/tiny"


def test_a_models_own_folder_is_written_into_itself(tmp_path):
    make.own(tmp_path)
    read_tree(tmp_path / "tiny")
    assert len(make.load(tmp_path / "tiny")["experiments"]) == 1


def test_each_of_several_models_in_one_lighteval_folder_gets_its_own_folder(tmp_path):
    make.nested(tmp_path, model="org/one")
    make.nested(tmp_path, model="org/two", date=OTHER_DATE)
    read_tree(tmp_path)
    assert (
        make.load(tmp_path / "org_one")["model"] == "org/one" and make.load(tmp_path / "org_two")["model"] == "org/two"
    )


def test_first_level_folders_named_after_tasks_are_not_taken_for_models(tmp_path):
    make.nested(tmp_path / "aime24/seed0", key="aime24|0")
    make.nested(tmp_path / "amc23/seed0", key="amc23|0")
    read_tree(tmp_path)
    assert len(make.load(tmp_path)["experiments"]) == 2


def test_two_folders_of_one_model_are_distinguished_by_name(tmp_path):
    make.flat(tmp_path / "org_tiny-bfloat16" / SUITE, seed=3)
    make.flat(tmp_path / "org_tiny-float32" / SUITE, seed=3)
    report = read_tree(tmp_path)
    assert [one.model for one in report.models] == ["org/tiny", "org/tiny (org_tiny-float32)"]


def test_rows_with_several_completions_are_reported(tmp_path):
    rows = make.flat_rows(3)
    for row in rows:
        row["cont_tokens"] = [[[7] * 10, [7] * 100]]
    make.flat(tmp_path / "tiny/run-seed0", rows=rows)
    read_tree(tmp_path)
    experiment = only(tmp_path / "tiny")
    assert experiment["samples"]["output_tokens"] == [55.0] * 3 and experiment["samples"]["truncated"] == [True] * 3
    assert experiment["results"]["total_token_length"] == 330
    assert "up to 2 completions" in make.load(tmp_path / "tiny")["warnings"][0]


def test_the_tokenizer_counts_tokens_if_the_tree_holds_only_text(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"t": 0, "?": 1}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    (tmp_path / "words").mkdir()
    tokenizer.save(str(tmp_path / "words/tokenizer.json"))
    rows = make.flat_rows(3)
    for row in rows:
        row["cont_tokens"] = []
    make.flat(tmp_path / "out/tiny/run-seed0", rows=rows)
    read_tree(tmp_path / "out")
    assert only(tmp_path / "out/tiny")["samples"]["output_tokens"] == [None] * 3
    assert "use --tokenizer_name to count them" in make.load(tmp_path / "out/tiny")["warnings"][0]
    read_tree(tmp_path / "out", tokenizer=str(tmp_path / "words"))
    assert only(tmp_path / "out/tiny")["samples"]["output_tokens"] == [2] * 3


@pytest.mark.parametrize("model", ["..", "../../up", ".hidden", "\ud800", "m" * 1000, "a\nb"])
def test_a_model_name_from_a_file_never_leads_out_of_the_tree(tmp_path, model):
    for name, date in (("one", make.DATE), ("two", OTHER_DATE)):
        make.nested(tmp_path / "out/tree", model=name, date=date)
    results = next((tmp_path / "out/tree/results/two").iterdir())
    data = json.loads(results.read_text())
    data["config_general"] |= {
        "model_name": model,
        "model_config": data["config_general"]["model_config"] | {"model_name": model},
    }
    results.write_text(json.dumps(data))
    read_tree(tmp_path / "out/tree")
    written = sorted((tmp_path).rglob("all_experiments_results.json"))
    assert len(written) == 2 and all(path.parent.parent == tmp_path / "out/tree" for path in written)
