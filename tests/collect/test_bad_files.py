"""Bad files: each is reported with its reason, the rest is read, and nothing ends in a traceback."""

import os

import pytest

from evalsuite.collect import read_tree
from evalsuite.errors import RunError, UserError
from tests.support import tree_maker as make


@pytest.fixture
def tree(tmp_path):
    """A tree with one good experiment, to which the tests add something bad."""
    make.own(tmp_path, seed=0)
    return tmp_path


def skipped(tree, model="tiny"):
    """What the file lists as skipped, {path: reason}; the good experiment must still be in it."""
    report = read_tree(tree)
    written = make.load(tree / model)
    assert len(written["experiments"]) == 1 and report.failed
    assert [one["reason"] for one in written["skipped"]] == [bad.reason for bad in report.models[0].skipped]
    return {one["path"]: one["reason"] for one in written["skipped"]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b'{"schema_version": 1, "mod', "not valid JSON (truncated or damaged file)"),
        (b"[1, 2]", "valid JSON, but not an object"),
        (b'{"name": "another tool"}', "not a manifest of this suite"),
        (b"\xff\xfe\x00{", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"schema_version": ' + b"9" * 5000 + b"}", "Exceeds the limit"),
    ],
)
def test_a_bad_manifest_is_reported(tree, content, reason):
    folder = make.own(tree, seed=1)
    (folder / "experiment.json").write_bytes(content)
    assert reason in skipped(tree)[f"{folder.name}/experiment.json"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty file"), (b"PAR1 and no more", "not readable as parquet"), (b"a,b\n1,2\n", "not readable as parquet")],
)
def test_bad_details_are_reported(tree, content, reason):
    details = next(make.own(tree, seed=1).rglob("*.parquet"))
    details.write_bytes(content)
    assert reason in skipped(tree)[os.path.relpath(details, tree / "tiny")]


def test_truncated_details_are_reported(tree):
    details = next(make.own(tree, seed=1).rglob("*.parquet"))
    details.write_bytes(details.read_bytes()[: details.stat().st_size // 2])
    assert "not readable as parquet" in skipped(tree)[os.path.relpath(details, tree / "tiny")]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([{"a": 1, "b": 2}], "not a details file of lighteval: its columns are a, b"),
        ([{"doc": {"query": "q"}, "metric": {"verified_match": None}}], "no score in any row"),
        ([{"doc": {"query": "q"}, "metric": "nothing"}], "no score in any row"),
    ],
)
def test_parquet_with_other_contents_is_reported(tree, rows, reason):
    details = next(make.own(tree, seed=1).rglob("*.parquet"))
    make.write_parquet(details, rows)
    assert reason in skipped(tree)[os.path.relpath(details, tree / "tiny")]


def test_a_folder_where_a_file_is_expected_is_reported(tree):
    folder = make.own(tree, seed=1)
    (folder / "experiment.json").unlink()
    (folder / "experiment.json").mkdir()
    details = next(make.own(tree, seed=2).rglob("*.parquet"))
    details.unlink()
    details.mkdir()
    assert list(skipped(tree).values()) == ["a folder where a file is expected"] * 2


def test_a_named_pipe_does_not_block(tree):
    folder = make.own(tree, seed=1)
    (folder / "experiment.json").unlink()
    os.mkfifo(folder / "experiment.json")
    assert skipped(tree) == {f"{folder.name}/experiment.json": "not a regular file"}


def test_a_file_where_a_folder_is_expected_is_reported(tree):
    (tree / "tiny/run").mkdir()
    (tree / "tiny/run/results").write_text("x")
    assert skipped(tree)["run/results"] == "a file where a folder is expected"


def test_folders_of_other_tools_are_reported_at_every_level(tree):
    for folder in ("wandb/run-1/files", "tiny/checkpoint-100"):
        (tree / folder).mkdir(parents=True)
        (tree / folder / "config.json").write_text("{}")
    found = skipped(tree)
    assert found.keys() == {"../wandb", "checkpoint-100"} and all(
        "no experiment in it" in why for why in found.values()
    )


def test_stray_data_files_are_reported_but_our_own_outputs_are_not(tree):
    (tree / "tiny/notes.json").write_text("{}")
    for name in ("analysis_results.json", "seed_analysis.csv", "README.txt"):
        (tree / "tiny" / name).write_text("{}")
    (tree / "logs").mkdir()
    (tree / "logs/run.json").write_text("{}")
    assert skipped(tree).keys() == {"notes.json"}


def test_cyclic_and_broken_links_are_reported(tree):
    (tree / "tiny/up").symlink_to(tree)
    (tree / "tiny/self").symlink_to(tree / "tiny/self")
    (tree / "tiny/gone").symlink_to(tree / "nowhere")
    found = skipped(tree)
    assert "cycle" in found["up"] and "symbolic links" in found["self"] and found["gone"] == "a broken link"


def test_a_link_beside_its_folder_is_read_once(tree):
    (tree / "latest").symlink_to(tree / "tiny")
    report = read_tree(tree)
    assert not report.failed and len(report.models) == 1 and "latest is a link" in report.notes[0]


def test_a_link_to_a_model_elsewhere_is_followed(tmp_path):
    make.own(tmp_path / "store")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/tiny").symlink_to(tmp_path / "store/tiny")
    assert [one.experiments for one in read_tree(tmp_path / "out").models] == [1]


@pytest.mark.parametrize(
    "name", ["with space", "quo'te\"", "line\nbreak", "ünï-模型", "\udcff", "-rf", "*?[", "a" * 200]
)
def test_any_folder_name_is_read_and_written(tmp_path, name):
    folder = make.own(tmp_path, model="tiny")
    folder.rename(folder.with_name(name))
    read_tree(tmp_path)
    (experiment,) = make.load(tmp_path / "tiny")["experiments"].values()
    assert experiment["path"] == name


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_read_permission_is_reported(tree):
    folder = make.own(tree, seed=1)
    (folder / "experiment.json").chmod(0)
    assert skipped(tree)[f"{folder.name}/experiment.json"] == "permission denied"


def test_a_read_only_folder_is_one_error_and_the_others_are_written(tree):
    make.own(tree, model="other")
    (tree / "tiny").chmod(0o555)
    try:
        report = read_tree(tree)
    finally:
        (tree / "tiny").chmod(0o755)
    errors = {one.model: one.error for one in report.models}
    assert errors["other"] is None and "the folder is read-only; choose another with --results_dir" in errors["tiny"]
    assert report.failed and not (tree / "tiny/all_experiments_results.json").exists()


def test_nothing_is_read_if_nothing_can_be_written(tree):
    (tree / "tiny").chmod(0o555)
    try:
        with pytest.raises(RunError, match="read-only"):
            read_tree(tree)
        report = read_tree(tree, results_dir=tree.parent / "elsewhere")
    finally:
        (tree / "tiny").chmod(0o755)
    (experiment,) = make.load(tree.parent / "elsewhere/tiny")["experiments"].values()
    assert not report.failed and experiment["results"]["num_samples"] == 6


def test_a_model_with_only_bad_experiments_gets_a_file_that_lists_them(tree):
    (make.own(tree, model="broken") / "experiment.json").write_text("")
    read_tree(tree)
    written = make.load(tree / "broken")
    assert written["model"] == "broken" and written["experiments"] == {} and len(written["skipped"]) == 1


def test_a_killed_reading_process_costs_one_experiment(tree, monkeypatch):
    from evalsuite.collect import pool

    monkeypatch.setattr(pool, "MAX_IN_PROCESS", 1)
    for seed in range(1, 5):
        make.own(tree, seed=seed)
    (tree / "tiny" / "die").mkdir()
    monkeypatch.setenv("EVALSUITE_TEST_KILL", "1")
    make.write_json(tree / "tiny/die/experiment.json", {})
    monkeypatch.setattr(pool, "read_source", kill_on_die)
    report = read_tree(tree, jobs=2)
    assert [bad.reason for bad in report.bad] == [pool.KILLED] and report.models[0].experiments == 5


def kill_on_die(source, tokenizer):
    """Like the real function, but kills its process on one folder, as a hostile file may do."""
    from evalsuite.collect.pool import read_source

    if source.folder.endswith("die"):
        os.kill(os.getpid(), 9)
    return read_source(source, tokenizer)


def test_a_missing_folder_and_one_without_experiments_are_mistakes(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        read_tree(tmp_path / "none")
    with pytest.raises(UserError, match="no experiment found"):
        read_tree(tmp_path)
