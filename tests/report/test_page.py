"""The report page and its command: what the page contains and leaves out, and how missing inputs are reported."""

import html
import json
import re
import shutil
import zipfile

import pytest

from evalsuite.report.__main__ import main
from evalsuite.report.load import load
from evalsuite.report.sentences import headline, task_line, task_verdict
from evalsuite.report.table import result_table
from tests.support import report_tree, study

RIGHT, WRONG = [1] * 40, [1] * 8 + [0] * 32


def page(folder):
    return (folder / "report.html").read_text("utf-8")


def data(folder):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page(folder), re.DOTALL)
    return json.loads(found[1])


def summarised(folder, **models):
    """Write a folder with the given scores, a list per seed of each model, and summarise it."""
    for model, runs in models.items():
        study.write(folder, model, *study.seeds("amc23", *runs))
    import analyze_summary

    assert analyze_summary.main([str(folder), "--bootstrap", "200"]) == 0
    return folder


def test_the_page_starts_with_the_conclusion_and_marks_numbers_with_warnings():
    text = page(report_tree.report())
    assert "plain is best, 62.5% [" in text and "distinguishable from evil&lt;script&gt;" in text
    assert text.index("plain is best") < text.index("Table of results") < text.index('id="cost"')
    notes = dict(re.findall(r'<li id="note-(\w+)"><b>\w+</b>([^<]*)</li>', text))
    assert "3 seeds, few for 8 problems (10 are usual)" in notes.values()
    for mark in notes:
        assert f'<a href="#note-{mark}">' in text


def test_charts_are_drawn_from_the_summary_s_numbers():
    folder = report_tree.report()
    found = data(folder)
    analysis = json.loads((folder / "plain" / "analysis_results.json").read_text())
    row = next(iter(analysis["configuration_analysis"]["aime24"].values()))["metrics"]["verified_match"]
    entry = next(one for one in found["entries"] if found["labels"][one["m"]] == "plain" and one["t"] == 0)
    assert entry["mean"] == pytest.approx(row["mean_accuracy"], rel=1e-4)
    assert [entry["lo"], entry["hi"]] == pytest.approx([row["wilson_low"], row["wilson_high"]], rel=1e-4)
    assert entry["pass"][1] == pytest.approx(row["pass@2"], rel=1e-4) and entry["cut"] == 100
    pair = json.loads((folder / "comparison_results.json").read_text())["comparisons"][0]
    assert found["pairs"][0][0][2] == pytest.approx(pair["difference"], rel=1e-4)
    assert len(found["tasks"][0]["problems"]) == 8 and entry["dis"] == pytest.approx(1 / 8)


def test_nothing_from_files_becomes_markup():
    text = page(report_tree.report())
    assert "<script>document" not in text and "</script>$x_1$" not in text
    assert "evil&lt;script&gt;document.title=&#39;owned&#39;&lt;/script&gt;$x_1$" in text
    assert data(report_tree.report())["labels"] == [report_tree.EVIL, "plain"]


def test_no_gpqa_content_is_published():
    folder = report_tree.report()
    assert report_tree.SECRET not in page(folder)
    assert not list(folder.glob("answers/gpqa*")) and "gpqa:diamond: its authors ask" in page(folder)
    with zipfile.ZipFile(folder / "report.zip") as archive:
        names = archive.namelist()
        assert {"report/report.html", "report/model_comparison.csv", "report/tables/results.md"} <= set(names)
        assert (
            any(name.startswith("report/answers/aime24") for name in names)
            and "report/figures/dots_aime24.pdf" in names
        )
        assert not any(name.endswith(("disagreements.csv", ".eval", "all_experiments_results.json")) for name in names)
        assert not any(report_tree.SECRET.encode() in archive.read(name) for name in names)


def test_the_page_needs_no_network():
    text = html.unescape(page(report_tree.report()))
    assert "default-src 'none'; script-src 'sha256-" in text and "unsafe-eval" not in text
    text = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)  # the library contains markup in strings
    assert not re.search(r"<(link|script|img|iframe)[^>]*\s(src|href)=(?![\"']?data:)", text)


def test_the_headline_names_models_not_distinguishable_from_the_best(tmp_path):
    folder = summarised(tmp_path, a=[RIGHT[:20] + WRONG[20:]] * 3, b=[RIGHT[:21] + WRONG[21:]] * 3, c=[WRONG] * 3)
    found = load(folder)
    assert headline(found) == [
        "b scores highest, 52.5% [37.5, 67.1] of amc23: distinguishable from 1 of 2 other models, but not from a."
    ]
    assert task_verdict(found, "amc23").above == ["c"] and "not distinguishable from a" in task_line(found, "amc23")
    cells = {row.label: row.cells[0] for row in result_table(found).rows}
    assert (cells["a"].bold, cells["b"].bold, cells["c"].bold) == (True, True, False)


def test_with_a_baseline_the_headline_compares_with_it(tmp_path):
    folder = summarised(tmp_path, a=[RIGHT] * 3, b=[WRONG] * 3)
    import analyze_summary

    assert analyze_summary.main([str(folder), "--bootstrap", "200", "--baseline", "b"]) == 0
    assert headline(load(folder)) == ["Compared with b, better: a on amc23."]


def test_the_page_of_one_model_with_one_seed_says_what_is_unknown(tmp_path, capsys):
    folder = summarised(tmp_path, alone=[WRONG])
    assert main([str(folder)]) == 0
    text = page(folder)
    assert "alone solves 20.0% [" in text and "There is no second model to compare it with." in text
    assert "1 seed, few for 40 problems" in text and data(folder)["entries"][0]["sd"] is None
    assert not (folder / "answers" / "index.html").exists() and "Read the answers" not in text


def test_a_missing_comparison_is_named_on_the_page_and_by_the_exit_code(tmp_path, capsys):
    folder = summarised(tmp_path, a=[RIGHT] * 2, b=[WRONG] * 2)
    (folder / "comparison_results.json").unlink()
    assert main([str(folder), "--no-figures"]) == 1
    assert "so comparisons are missing; run analyze_summary.py" in page(folder)
    assert "a scores highest" in page(folder) and "Whether that is more than chance is unknown" in page(folder)
    assert "no comparison_results.json" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "{", "[]", '{"experiments": 3}', '{"configuration_analysis": []}', "null"])
def test_a_damaged_file_is_named_and_the_rest_is_shown(tmp_path, capsys, content):
    for name in ("analysis_results.json", "all_experiments_results.json"):
        folder = summarised(tmp_path / name, a=[RIGHT] * 2, b=[WRONG] * 2)
        (folder / "a" / name).write_text(content)
        assert main([str(folder), "--no-figures", "--no-zip"]) == 1
        assert f"a/{name}" in page(folder) and "b" in data(folder)["labels"]
        assert f"a/{name}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content", ["[1", "3", '{"comparisons": [{}], "tasks": 3}', '{"comparisons": [], "warnings": [7]}']
)
def test_a_damaged_comparison_is_named(tmp_path, capsys, content):
    folder = summarised(tmp_path, a=[RIGHT] * 2, b=[WRONG] * 2)
    (folder / "comparison_results.json").write_text(content)
    assert main([str(folder), "--no-figures", "--no-zip"]) == 1
    assert (
        "comparisons are missing; run analyze_summary.py again" in page(folder)
        and "comparison_results.json" in capsys.readouterr().err
    )


def test_usage_errors_are_one_line(tmp_path, capsys):
    assert main([str(tmp_path / "none")]) == 2
    assert (
        capsys.readouterr().err
        == f"evalsuite.report: no folder {tmp_path}/none: give the OUTPUT_DIR that main.py wrote to\n"
    )
    assert main([str(tmp_path)]) == 2
    assert "run analyze_results.py and analyze_summary.py" in capsys.readouterr().err
    assert main([str(tmp_path), "--max-answers-gb", "0"]) == 2


def test_published_results_are_separate_rows(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "references.csv").write_text(
        "model,task,mean,standard_deviation,seeds,source,settings\nX,amc23,0.7,0.03,10,a paper,\n"
    )
    summarised(folder, a=[RIGHT] * 2, b=[WRONG] * 2)
    row = result_table(load(folder)).rows[-1]
    assert (row.label, row.published, row.cells[0].mean, row.cells[0].deviation) == ("X", True, "70.0", "3.0")
    assert ("published, not compared: a paper") in dict(map(reversed, result_table(load(folder)).notes))


def test_an_unwritable_page_is_reported_in_one_line(tmp_path, capsys, monkeypatch):
    folder = summarised(tmp_path, a=[RIGHT] * 2)
    shutil.rmtree(folder / "report.html", ignore_errors=True)
    (folder / "report.html").mkdir()
    assert main([str(folder), "--no-figures", "--no-zip"]) == 1
    assert f"cannot write {folder}/report.html" in capsys.readouterr().err


def test_cost_counts_a_model_load_shared_by_seeds_once(tmp_path):
    from evalsuite.report.conditions import cost

    def run(seed, ended):
        one = {
            "name": f"s{seed}",
            "output_tokens": 1000,
            "answers": 10,
            "seconds": 60.0,
            "date": "",
            "circumstances": {"gpu_count": 4},
        }
        return one, {
            "provenance": {"started": "2026-01-01T00:00:00+0000", "ended": ended, "host": "h", "engine_restarts": 1}
        }

    found = cost("m", [run(0, "2026-01-01T00:30:00+0000"), run(1, "2026-01-01T01:00:00+0000")])
    assert (found.hours, found.gpu_hours, found.output_tokens, found.restarts) == (1.0, 4.0, 2000, 2)
    assert found.tokens_per_second == pytest.approx(2000 / 60) and found.prompt_tokens is None
