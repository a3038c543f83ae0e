"""The cache: unchanged files are not read or written again, and a damaged cache is never used."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.collect import read_tree
from evalsuite.collect.cache import INDEX, RESULTS
from tests.support import tree_maker as make


@pytest.fixture
def tree(tmp_path):
    """Two models, analysed once."""
    for seed in range(3):
        make.own(tmp_path, model="one", seed=seed)
    make.nested(tmp_path / "two/run-seed0", model="org/two")
    read_tree(tmp_path)
    return tmp_path


def afresh(tree, model):
    """The text of a model's file when everything is read again."""
    read_tree(tree, fresh=True, results_dir=tree.parent / "afresh")
    text = (tree.parent / "afresh" / model / RESULTS).read_text()
    shutil.rmtree(tree.parent / "afresh")
    return text


def touch(path):
    """Change a file's modification time, as rewriting it does."""
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))


def same_but_for_paths(tree, model):
    import json

    left, right = json.loads((tree / model / RESULTS).read_text()), json.loads(afresh(tree, model))
    for one in (left, right):
        for found in (*one["experiments"].values(), *one["unfinished"]):
            found["path"] = None
    return left == right


def test_a_second_call_reads_and_writes_nothing(tree):
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
    report = read_tree(tree)
    assert report.read == 0 and not any(model.written for model in report.models)
    assert {path: path.stat().st_mtime_ns for path in tree.rglob("*")} == before
    assert [(model.experiments, model.tasks) for model in report.models] == [(3, ("aime24",)), (1, ("aime24",))]


def test_only_a_new_experiment_is_read_and_only_its_model_is_written(tree):
    make.own(tree, model="one", seed=3, count=3)
    report = read_tree(tree)
    assert report.read == 1 and [model.written for model in report.models] == [True, False]
    assert same_but_for_paths(tree, "one")


def test_a_new_run_of_lighteval_is_the_only_one_read(tree):
    make.nested(tree / "two/run-seed1", model="org/two", seed=1)
    assert read_tree(tree).read == 1 and same_but_for_paths(tree, "two")


@pytest.mark.parametrize("name", ["experiment.json", "details/**/*.parquet", "results/**/*.json"])
def test_a_changed_file_is_read_again(tree, name):
    folder = next(path for path in (tree / "one").iterdir() if path.is_dir())
    touch(next(folder.glob(name)))
    report = read_tree(tree)
    assert report.read == 1 and report.models[0].written


def test_a_regraded_experiment_shows_its_new_scores(tree):
    rows = make.own_rows(6)
    for row in rows:
        row["metric"] = {"verified_match": 1.0, "extractive_match": 1.0}
    make.own(tree, model="one", seed=1, rows=rows)
    assert read_tree(tree).read == 1
    accuracies = [one["results"]["accuracy"] for one in make.load(tree / "one")["experiments"].values()]
    assert accuracies == [pytest.approx(1 / 3), 1.0, pytest.approx(1 / 3)]


def test_a_deleted_experiment_is_dropped_from_the_file(tree):
    shutil.rmtree(sorted(path for path in (tree / "one").iterdir() if path.is_dir())[0])
    report = read_tree(tree)
    assert report.read == 0 and report.models[0].written and len(make.load(tree / "one")["experiments"]) == 2


def test_the_second_of_two_duplicates_is_used_when_the_first_is_deleted(tree):
    first = sorted(path for path in (tree / "one").iterdir() if path.is_dir())[0]
    shutil.copytree(first, first.with_name("copy"))
    read_tree(tree)
    shutil.rmtree(first)
    report = read_tree(tree)
    assert report.read == 0 and "copy" in make.load(tree / "one")["experiments"] and same_but_for_paths(tree, "one")


def test_a_new_unfinished_experiment_makes_others_provisional_without_reading_them(tree):
    make.unfinished(tree, model="one", seed=9)
    report = read_tree(tree)
    assert report.read == 0 and all(one["provisional"] for one in make.load(tree / "one")["experiments"].values())
    assert same_but_for_paths(tree, "one")


@pytest.mark.parametrize("name", [INDEX, RESULTS])
@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "gone"])
def test_a_damaged_cache_is_ignored(tree, name, damage):
    path, right = tree / "one" / name, (tree / "one" / RESULTS).read_text()
    content = path.read_bytes()
    path.unlink()
    if damage != "gone":
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        path.write_bytes({"cut": content[:middle], "flip": flipped, "empty": b""}[damage])
    report = read_tree(tree)
    assert report.read == 3 and (tree / "one" / RESULTS).read_text() == right


def test_text_edited_without_a_change_of_size_and_time_is_read_again(tree):
    path, right = tree / "one" / RESULTS, (tree / "one" / RESULTS).read_text()
    stamp = path.stat()
    path.write_text(right.replace('"gold": ["4"', '"gold": ["5"'))
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    make.own(tree, model="one", seed=3)
    read_tree(tree)
    assert same_but_for_paths(tree, "one")


def test_the_cache_of_a_moved_tree_is_still_used(tree):
    moved = tree.with_name("moved")
    tree.rename(moved)
    assert read_tree(moved).read == 0
    assert read_tree(moved / "one").read == 0, "the model's folder by itself shares the model's file"


def test_the_cache_in_another_results_folder_is_used(tree):
    elsewhere = tree.parent / "elsewhere"
    assert read_tree(tree, results_dir=elsewhere).read == 4
    report = read_tree(tree, results_dir=elsewhere)
    assert report.read == 0 and not any(model.written for model in report.models)


def test_several_processes_read_the_same_as_one(tree, monkeypatch):
    from evalsuite.collect import pool

    for seed in range(3, 8):
        make.own(tree, model="one", seed=seed, count=3)
    one = afresh(tree, "one")
    monkeypatch.setattr(pool, "MAX_IN_PROCESS", 1)
    read_tree(tree, fresh=True, jobs=2, results_dir=tree.parent / "pooled")
    assert (tree.parent / "pooled/one" / RESULTS).read_text() == one


# The peak is read from /proc, because ru_maxrss of a child starts with the peak of its parent, which is pytest.
SMALL = """
import re, sys
sys.path.insert(0, sys.argv[2])
import analyze_results
analyze_results.main([sys.argv[1]])
heavy = [name for name in ("torch", "pandas", "lighteval", "transformers", "scipy") if name in sys.modules]
print(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1], *heavy)
"""


def test_the_script_uses_little_memory_and_imports_nothing_heavy(tree):
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run([sys.executable, "-c", SMALL, tree, root], capture_output=True, text=True, check=True)
    kilobytes, *heavy = done.stdout.splitlines()[-1].split()
    assert int(kilobytes) < 200_000 and not heavy
