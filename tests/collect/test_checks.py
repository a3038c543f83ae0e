"""What would mislead an average is reported: duplicates, missing seeds, differing problems, mixed settings."""

import pytest

from evalsuite.collect import read_tree
from evalsuite.collect.checks import differences, missing_seeds
from evalsuite.collect.metadata import Metadata
from tests.support import tree_maker as make

EARLIER, LATER = "2026-01-01T00-00-00.0", "2026-02-01T00-00-00.0"


def written(tmp_path, folder="tiny"):
    read_tree(tmp_path)
    return make.load(tmp_path / folder)


def metadata(seed, config="c", task="t"):
    return Metadata("m", task, seed, config, {}, {}, "finished", "evalsuite", "")


def test_of_two_copies_the_one_in_the_folder_named_by_its_manifest_counts(tmp_path):
    folder = make.own(tmp_path, count=3)
    folder.rename(folder.with_name("zz_copy"))
    make.own(tmp_path, count=6, graded_at="1999-01-01T00:00:00")
    (one,) = written(tmp_path)["duplicates"]
    assert one["used"] == folder.name and one["left_out"] == ["zz_copy"] and one["seed"] == 0
    (experiment,) = written(tmp_path)["experiments"].values()
    assert experiment["results"]["num_samples"] == 6


def test_of_two_lighteval_runs_the_later_counts_and_both_are_listed(tmp_path):
    make.nested(tmp_path / "tiny/run-seed0", date=LATER, count=3)
    make.nested(tmp_path / "tiny/again-seed0", date=EARLIER, count=6)
    found = written(tmp_path)
    assert found["duplicates"][0]["used"] == "run-seed0" and found["duplicates"][0]["left_out"] == ["again-seed0"]
    assert [one["results"]["num_samples"] for one in found["experiments"].values()] == [3]
    assert any("2 runs of one configuration; run-seed0 is used" in line for line in found["warnings"])


def test_gaps_and_seeds_that_another_configuration_has_are_missing(tmp_path):
    for seed in (0, 1, 3):
        make.own(tmp_path, seed=seed)
    for seed in range(5):
        make.own(tmp_path, seed=seed, config_id="temp0.8-topp0.95-max100-00000000",
                 configuration=make.configuration(temperature=0.8))  # fmt: skip
    (one,) = written(tmp_path)["missing_seeds"]
    assert one["config_id"].startswith("temp0.6") and one["missing"] == [2, 4]


@pytest.mark.parametrize("seeds", [[7], [7, 42, 1234], [0, 1, 2]])
def test_complete_or_arbitrary_seeds_have_none_missing(seeds):
    assert missing_seeds([metadata(seed) for seed in seeds]) == []


def test_disjoint_seeds_of_two_configurations_are_not_missing():
    assert missing_seeds([metadata(0, "a"), metadata(1, "a"), metadata(10, "b"), metadata(11, "b")]) == []


def test_an_experiment_that_asked_other_problems_is_reported(tmp_path):
    make.own(tmp_path, seed=0, count=6)
    make.own(tmp_path, seed=1, count=6)
    other = make.own(tmp_path, seed=2, count=3)
    (one,) = written(tmp_path)["problem_sets"]
    assert [(len(kind["experiments"]), kind["rows"]) for kind in one["sets"]] == [(2, 6), (1, 3)]
    assert one["sets"][1]["experiments"] == [other.name]


def test_the_order_of_the_problems_does_not_matter(tmp_path):
    make.own(tmp_path, seed=0)
    make.own(tmp_path, seed=1, rows=make.own_rows(6)[::-1])
    assert written(tmp_path)["problem_sets"] == []


def test_configurations_are_analysed_separately_and_their_difference_is_noted(tmp_path):
    make.own(tmp_path)
    make.own(tmp_path, config_id="hot-00000000", configuration=make.configuration(temperature=1.0))
    found = written(tmp_path)
    assert found["mixed_configurations"][0]["differs_in"] == {"temperature": [1.0, 0.6]}
    assert "they differ in temperature (1.0, 0.6)" in found["notes"][0] and not found["warnings"]


def test_lighteval_runs_with_other_parameters_are_other_configurations(tmp_path):
    make.nested(tmp_path / "tiny/a-seed0", temperature=0.8)
    make.nested(tmp_path / "tiny/b-seed0", temperature=0.7)
    found = written(tmp_path)
    assert len({one["config_id"] for one in found["experiments"].values()}) == 2 and not found["duplicates"]


def test_mixed_circumstances_of_one_configuration_are_flagged(tmp_path):
    make.own(tmp_path, seed=0)
    make.own(tmp_path, seed=1, circumstances={"max_num_seqs": 8, "max_num_batched_tokens": 64, "gpu_names": ["H100"]})
    found = written(tmp_path)
    assert found["mixed_circumstances"][0]["differs_in"] == {"gpu_names": [["none"], ["H100"]]}
    assert any("circumstances differ between seeds: gpu_names" in line for line in found["warnings"])


def test_repeated_problems_within_a_run_are_reported(tmp_path):
    rows = make.own_rows(3)
    rows[1]["doc"]["specific"]["problem"] = rows[0]["doc"]["specific"]["problem"]
    make.own(tmp_path, rows=rows)
    assert any("1 of 3 rows repeat the problem of another row" in line for line in written(tmp_path)["warnings"])


def test_details_with_other_problems_than_the_manifest_are_reported(tmp_path):
    make.own(tmp_path, problems=["a"] * 6)
    assert any("other problems than the manifest lists" in line for line in written(tmp_path)["warnings"])


def test_differences_include_unset_values():
    assert differences([{"a": 1}, {}]) == {"a": [1, None]}
