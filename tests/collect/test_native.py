"""Our own trees: the manifest says which files count, and nothing that it says is guessed."""

import os

import pyarrow.parquet as pq
import pytest

from evalsuite.collect import read_tree
from tests.support import tree_maker as make


def only(tmp_path, model="tiny"):
    """The one experiment of a tree."""
    read_tree(tmp_path)
    (experiment,) = make.load(tmp_path / model)["experiments"].values()
    return experiment


def test_a_finished_experiment_is_written_as_documented(tmp_path):
    folder = make.own(tmp_path, model="org/tiny", count=3)
    experiment = only(tmp_path, "org_tiny")
    assert experiment["experiment"] == experiment["path"] == folder.name
    assert (experiment["task"], experiment["seed"], experiment["status"]) == ("aime24", 0, "finished")
    assert experiment["results"] == {
        "accuracy": pytest.approx(1 / 3), "primary_metric": "verified_match",
        "metrics": {"verified_match": pytest.approx(1 / 3), "extractive_match": pytest.approx(1 / 3)}, "num_samples": 3,
        "total_token_length": 121, "mean_output_tokens": pytest.approx(121 / 3), "truncated_rate": pytest.approx(1 / 3),
        "no_answer_rate": pytest.approx(1 / 3), "generation_seconds": 2.5,
    }  # fmt: skip
    assert experiment["samples"] == {
        "id": ["0", "1", "2"], "problem": ["0" * 16, "0" * 15 + "1", "0" * 15 + "2"],
        "scores": {"verified_match": [1.0, 0.0, 0.0], "extractive_match": [1.0, 0.0, 0.0]},
        "output_tokens": [10, 11, 100], "finish_reason": ["stop", "stop", "length"], "truncated": [False, False, True],
        "extracted": {"verified_match": ["4", "7", None], "extractive_match": ["4", "7", None]},
        "answer_class": {"verified_match": ["=4", "=7", None], "extractive_match": ["4", "7", None]},
        "gold": ["4", "4", "4"], "grading_status": ["ok", "ok", "no_answer"],
    }  # fmt: skip


def test_batch_sizes_are_also_in_the_configuration_where_earlier_readers_look(tmp_path):
    make.own(tmp_path)
    experiment = only(tmp_path)
    assert (experiment["configuration"]["max_num_seqs"], experiment["circumstances"]["max_num_seqs"]) == (8, 8)


def test_token_ids_and_texts_are_not_read_if_counts_are_present(tmp_path, monkeypatch):
    make.own(tmp_path)
    asked = []
    read = pq.ParquetFile.iter_batches
    monkeypatch.setattr(
        pq.ParquetFile, "iter_batches", lambda self, **kw: asked.append(kw["columns"]) or read(self, **kw)
    )
    read_tree(tmp_path)
    assert asked and not any(column.startswith("model_response") or column == "doc.query" for column in asked[0])


def test_rows_of_several_batches_keep_their_order(tmp_path):
    make.own(tmp_path, rows=make.own_rows(1300, tokens=False))
    samples = only(tmp_path)["samples"]
    assert samples["id"] == [str(at) for at in range(1300)]
    assert samples["output_tokens"][:5] == [10, 11, 100, 13, 14] and samples["output_tokens"][1298] == 100


def test_the_manifest_decides_which_of_several_files_count(tmp_path):
    folder = make.own(tmp_path, count=3)
    make.write_parquet(folder / "details/tiny/2027-01-01T00-00-00.0/details_aime24|0_2027-01-01T00-00-00.0.parquet",
                       make.own_rows(6))  # fmt: skip
    assert only(tmp_path)["results"]["num_samples"] == 3


def test_a_folder_without_manifest_is_unfinished_and_its_complete_completions_are_counted(tmp_path):
    make.own(tmp_path, seed=0)
    make.unfinished(tmp_path, seed=1, lines=5, torn='{"problem": "b')
    report = read_tree(tmp_path)
    written = make.load(tmp_path / "tiny")
    assert [(one["experiment"][-5:], one["completions"]) for one in written["unfinished"]] == [("seed1", 5)]
    assert len(written["experiments"]) == 1 and not report.failed


def test_finished_seeds_are_provisional_while_others_of_their_configuration_are_unfinished(tmp_path):
    make.own(tmp_path, seed=0)
    make.own(tmp_path, seed=0, task="amc23")
    make.unfinished(tmp_path, seed=1)
    read_tree(tmp_path)
    found = {one["task"]: one["provisional"] for one in make.load(tmp_path / "tiny")["experiments"].values()}
    assert found == {"aime24": True, "amc23": False}


def test_graded_experiments_without_manifest_are_read_on_request_and_marked(tmp_path):
    folder = make.own(tmp_path, seed=0)
    (folder / "experiment.json").unlink()
    (folder / "completions.jsonl").write_text("{}\n" * 6)
    read_tree(tmp_path)
    assert make.load(tmp_path / "tiny")["experiments"] == {}
    read_tree(tmp_path, provisional=True)
    (experiment,) = make.load(tmp_path / "tiny")["experiments"].values()
    assert (
        experiment["provisional"] and experiment["status"] == "unfinished" and experiment["results"]["num_samples"] == 6
    )


def test_the_journal_of_a_packed_unfinished_experiment_is_counted(tmp_path):
    import pyarrow as pa

    folder = make.unfinished(tmp_path, lines=2)
    with pa.output_stream(folder / "completions.jsonl.zst", compression="zstd") as stream:
        stream.write(b"{}\n" * 7)
    assert read_tree(tmp_path).models[0].unfinished[0].completions == 9


def test_incomplete_experiments_warn_of_what_is_missing(tmp_path):
    make.own(tmp_path, status="incomplete", totals={"failed": 2, "grading_timeouts": 1})
    read_tree(tmp_path)
    written = make.load(tmp_path / "tiny")
    assert any("2 completions failed permanently" in line for line in written["warnings"])
    assert any("1 answer exceeded the time limit" in line for line in written["warnings"])


def test_an_experiment_continued_on_another_gpu_is_flagged_in_warnings_and_tables(tmp_path):
    from analyze_summary import main as summarise

    for seed in (0, 1):
        mixed = {"mixed_circumstances": {"gpu_names": [["A100"], ["H100"]]}} if seed else {}
        make.own(tmp_path, seed=seed, circumstances={"gpu_names": ["H100"], "max_num_seqs": 8}, **mixed)
    read_tree(tmp_path)
    written = make.load(tmp_path / "tiny")
    said = [line for line in written["warnings"] if "seed1" in line]
    assert len(said) == 1 and "different circumstances" in said[0] and "A100" in said[0] and "H100" in said[0]
    assert [one["differs_in"].keys() for one in written["mixed_circumstances"]] == [{"gpu_names"}]
    assert summarise([str(tmp_path)]) == 0
    assert "mixed circumstances: gpu_names" in (tmp_path / "comparison_results.json").read_text()


def test_unknown_values_are_null_and_never_zero(tmp_path):
    rows = make.own_rows(3, tokens=False)
    for row in rows:
        row["doc"]["specific"] = {"problem": row["doc"]["specific"]["problem"]}
        row["metric"] = {"verified_match": None if row is rows[2] else 1.0}
    make.own(tmp_path, rows=[*rows], totals={})
    experiment = only(tmp_path)
    assert experiment["samples"]["scores"] == {"verified_match": [1.0, 1.0, None]}
    assert experiment["samples"]["output_tokens"] == experiment["samples"]["truncated"] == [None] * 3
    names = ("total_token_length", "mean_output_tokens", "truncated_rate", "no_answer_rate", "generation_seconds")
    assert [experiment["results"][name] for name in names] == [None] * 5
    assert experiment["results"]["accuracy"] == 1.0


def test_a_results_file_that_contradicts_the_details_is_reported_and_the_details_count(tmp_path):
    folder = make.own(tmp_path, count=3)
    path = next(folder.glob("results/*/results_*.json"))
    make.write_json(path, {"config_general": {"a": 1}, "results": {"aime24|0": {"verified_match": 0.9}}})
    assert only(tmp_path)["results"]["accuracy"] == pytest.approx(1 / 3)
    (line,) = make.load(tmp_path / "tiny")["warnings"]
    assert "verified_match is 0.9000 in the results file but 0.3333 in the details" in line


def test_a_damaged_results_file_is_reported_while_the_samples_are_used(tmp_path):
    folder = make.own(tmp_path, count=3)
    next(folder.glob("results/*/results_*.json")).write_text('{"config_gen')
    report = read_tree(tmp_path)
    assert report.failed and "not valid JSON" in report.bad[0].reason
    assert len(make.load(tmp_path / "tiny")["experiments"]) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"schema_version": 2}, "newer version of this suite"),
        ({"schema_version": None}, "not a manifest of this suite"),
        ({"seed": "0"}, "no valid seed"),
        ({"task": ""}, "no valid task"),
        ({"status": "half"}, "status is 'half'"),
        ({"details_file": "../../other.parquet"}, "not a path inside the experiment's folder"),
        ({"details_file": "details/none.parquet"}, "no such file"),
    ],
)
def test_an_invalid_manifest_is_skipped_with_its_reason(tmp_path, changes, reason):
    make.own(tmp_path, **changes)
    make.own(tmp_path, seed=1)
    report = read_tree(tmp_path)
    (skipped,) = make.load(tmp_path / "tiny")["skipped"]
    assert reason in skipped["reason"] and report.failed and len(make.load(tmp_path / "tiny")["experiments"]) == 1


def test_long_answers_are_shortened_in_the_file(tmp_path):
    rows = make.own_rows(3)
    for at, row in enumerate(rows):
        row["doc"]["specific"]["extracted_answer"] = "9" * 10**6 + str(at)
    make.own(tmp_path, rows=rows)
    extracted = only(tmp_path)["samples"]["extracted"]["verified_match"]
    assert len(set(extracted)) == 3 and max(map(len, extracted)) <= 500
    assert os.path.getsize(tmp_path / "tiny/all_experiments_results.json") < 10_000


def test_other_files_of_main_py_are_not_reported_as_bad(tmp_path):
    folder = make.own(tmp_path)
    make.write_json(tmp_path / "tiny/model.json", {"schema_version": 1, "source": "org/tiny"})
    (folder.with_name("aime24_x_seed5")).mkdir()
    (folder.with_name("aime24_x_seed5") / ".lock").write_text("{}")
    report = read_tree(tmp_path)
    assert not report.failed and [one.completions for one in report.models[0].unfinished] == [0]


def test_experiments_moved_aside_are_not_read_even_before_the_new_ones_are_finished(tmp_path):
    folder = make.own(tmp_path)
    folder.rename(folder.with_name(f"{folder.name}.replaced-20261124-090000"))
    make.own(tmp_path, seed=1)
    report = read_tree(tmp_path)
    assert [one["seed"] for one in make.load(tmp_path / "tiny")["experiments"].values()] == [1]
    assert report.notes == ["not read: 1 experiment moved aside by --overwrite"]
