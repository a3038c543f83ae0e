"""The pages of answers: what is written, kept and left out, also for result trees of plain lighteval."""

import json

import pytest

import analyze_results
import analyze_summary
from evalsuite.report.__main__ import main
from evalsuite.report.answers import packed
from tests.support import report_tree, tree_maker


def task_folder(folder, task="aime24"):
    return folder / "answers" / packed.name(task)


def catalog(folder):
    return packed.read(folder / "answers", "catalog")


def group(folder, label):
    """The index and all responses of one configuration of the first task."""
    task = catalog(folder)["tasks"][0]
    own = next(one for one in task["groups"] if one["label"].startswith(label))
    path = f"{task['folder']}/{own['folder']}"
    index = packed.read(folder / "answers", f"{path}/index")
    chunks = {
        number: packed.read(folder / "answers", f"{path}/{number}") for number in {file for file, _ in index["place"]}
    }
    return index, [chunks[file][at][0] for file, at in index["place"]]


def reported(tmp_path, *flags, **options):
    folder = report_tree.analyse(report_tree.write(tmp_path, **options))
    assert main([str(folder), "--no-figures", "--no-zip", *flags]) == 0
    return folder


def test_every_response_is_stored_unchanged_with_its_verdicts():
    index, texts = group(report_tree.report(), "plain")
    assert texts[::3] == report_tree.HOSTILE and index["seed"][:3] == [0, 1, 2]
    assert index["scores"][3:6] == [[1, 0]] * 3 and index["extracted"][18] == [None, "4"]
    assert index["finish"][-1] == "length" and index["tokens"][-1] == 100 and index["truncated"][-1] is True
    assert index["silent"][18] is True and index["status"][18] == "no_answer"
    problems = packed.read(report_tree.report() / "answers", f"{packed.name('aime24')}/problems")
    assert problems[1]["prompt"] == report_tree.QUESTIONS[1] + " Case 1." and problems[1]["gold"] == "4"


def test_each_file_is_one_call_in_ascii():
    for path in task_folder(report_tree.report()).rglob("*.js"):
        text = path.read_text("ascii")
        assert text.startswith('evalsuiteReceive("aime24-') and text.count('"') == 4 and text.count("\n") == 1


def test_large_responses_are_split_over_several_files(tmp_path):
    folder = reported(tmp_path, seeds=4)
    index, _ = group(folder, "plain")
    assert max(file for file, _ in index["place"]) >= 1 and index["place"] == sorted(index["place"])
    assert not any(folder.glob("answers/gpqa*"))


def test_unchanged_files_are_kept_and_new_ones_added(tmp_path, capsys):
    folder = reported(tmp_path, seeds=2)
    before = {path: path.stat().st_ino for path in task_folder(folder).rglob("[0-9]*.js")}
    tree_maker.own(folder, "plain", seed=2, rows=report_tree.rows(2, 5))
    report_tree.analyse(folder)
    assert main([str(folder), "--no-figures", "--no-zip"]) == 0
    after = {path: path.stat().st_ino for path in task_folder(folder).rglob("[0-9]*.js")}
    same = {path.parent.name[:4] for path in before if after.get(path) == before[path]}
    assert same == {"evil"} and set(group(folder, "plain")[0]["seed"]) == {0, 1, 2}


def test_outdated_answers_are_removed_and_foreign_files_kept(tmp_path):
    folder = reported(tmp_path, seeds=2)
    (folder / "answers" / "mine.txt").write_text("mine")
    for path in folder.glob("evil*/all_experiments_results.json"):
        path.unlink()
    for path in folder.glob("evil*/analysis_results.json"):
        path.unlink()
    assert main([str(folder), "--no-figures", "--no-zip"]) == 0
    assert [one["label"] for one in catalog(folder)["tasks"][0]["groups"]] == ["plain"]
    assert (
        len([path for path in task_folder(folder).iterdir() if path.is_dir()]) == 1
        and (folder / "answers/mine.txt").exists()
    )


def test_answers_beyond_the_limit_are_left_out_with_a_message(tmp_path, capsys):
    folder = reported(tmp_path, "--max-answers-gb", "0.000001", seeds=2)
    assert len(catalog(folder)["tasks"][0]["groups"]) == 1
    assert "answers beyond 1e-06 GB are left out" in capsys.readouterr().out


def test_no_answers_writes_none_and_links_to_none(tmp_path):
    folder = reported(tmp_path, "--no-answers", seeds=2)
    assert (
        not (folder / "answers").exists()
        and "answers/index.html" not in (folder / "report.html").read_text().split("<script")[0]
    )


def test_missing_details_are_reported(tmp_path, capsys):
    folder = report_tree.analyse(report_tree.write(tmp_path, seeds=2))
    next(folder.glob("plain/aime24*seed1/details/**/*.parquet")).unlink()
    assert main([str(folder), "--no-figures", "--no-zip"]) == 0
    assert "seed1: answers are missing" in capsys.readouterr().out
    assert (
        set(group(folder, "plain")[0]["seed"]) == {0}
        and "seed1: answers are missing" in (folder / "report.html").read_text()
    )


@pytest.mark.parametrize("write", [tree_maker.nested, tree_maker.flat])
@pytest.mark.parametrize("text", [False, True])
def test_answers_in_trees_of_plain_lighteval_are_found(tmp_path, write, text):
    options = {"text": text} if write is tree_maker.flat else {}
    write(tmp_path / "org_tiny" / "run", **options)
    analyze_results.main([str(tmp_path)])
    analyze_summary.main([str(tmp_path), "--bootstrap", "200"])
    assert main([str(tmp_path), "--no-figures", "--no-zip"]) == 0
    index, texts = group(tmp_path, "org/tiny")
    assert len(texts) == 6 and set(texts) <= {"t", "t t"} and index["scores"][0] == [1.0]
    assert packed.read(tmp_path / "answers", f"{packed.name('aime24')}/problems")[0]["prompt"].startswith("problem 0")


def test_lone_surrogates_and_nulls_do_not_stop_the_page(tmp_path):
    rows = report_tree.rows(0, 5)
    rows[0]["model_response"]["text"] = ["nul \0 and \udbff".encode("utf-8", "replace").decode()]
    tree_maker.own(tmp_path, "plain", rows=rows)
    report_tree.analyse(tmp_path)
    assert main([str(tmp_path), "--no-figures", "--no-zip"]) == 0
    assert group(tmp_path, "plain")[1][0].startswith("nul \0 and")


def test_the_packed_json_is_strict_and_ascii(tmp_path):
    with pytest.raises(ValueError):
        packed.write(tmp_path, "x", [float("nan")])
    packed.write(tmp_path, "x", ["\udc80 \u2028 </script>"])
    assert packed.read(tmp_path, "x") == ["\udc80 \u2028 </script>"]
    assert json.loads(json.dumps(packed.read(tmp_path, "x"))) == ["\udc80 \u2028 </script>"]
