"""Checkpoint series in the report: sections, charts, sentences and figures for papers."""

import json
import re

import numpy as np
import pytest

import analyze_summary
from evalsuite.report.__main__ import main
from tests.support import browsing, study
from tests.support.study import SCORES, write_series

pytestmark = pytest.mark.slow

EVIL = "<img src=x onerror=alert(1)>"
browser = pytest.fixture(scope="module")(browsing.chromium)


def reported(folder, *flags):
    """Summarise a folder and write its report."""
    assert analyze_summary.main([str(folder), "--bootstrap", "100"]) == 0
    main([str(folder), "--no-answers", "--no-zip", *flags])
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    write_series(folder, SCORES, tasks=("aime24", "amc23"))
    write_series(folder, {step: SCORES[step] for step in (100, 400)}, series=EVIL)
    study.write(folder, "base", *study.seeds("aime24", *SCORES[100].tolist()))
    return reported(folder)


def data(folder):
    text = (folder / "report.html").read_text("utf-8")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


def test_charts_of_series_are_drawn_from_the_summary_s_numbers(folder):
    found = data(folder)
    line = next(one for one in found["series"] if one["name"] == "run7" and found["tasks"][one["t"]]["name"] == "amc23")
    rows = [
        row for row in study.rows(folder / "series_analysis.csv") if (row["series"], row["task"]) == ("run7", "amc23")
    ]
    assert [point["step"] for point in line["points"]] == [int(row["step"]) for row in rows] == sorted(SCORES)
    for short, name in {"mean": "mean_accuracy", "sd": "std_accuracy", "lo": "wilson_low", "hi": "wilson_high",
                        "tokens": "mean_output_tokens", "tr": "truncated_rate"}.items():  # fmt: skip
        assert [point[short] for point in line["points"]] == pytest.approx([float(row[name]) for row in rows], rel=1e-4)
    assert line["points"][line["best"]]["step"] == 400
    assert line["points"][0]["seeds"] == pytest.approx(SCORES[100].mean(axis=1), rel=1e-4)


def test_there_is_one_figure_per_series_and_task(folder):
    names = {path.name for path in (folder / "figures").glob("series_*")}
    tasks = [f"run7-{task}" for task in ("aime24", "amc23")]
    assert {f"series_{task}.{kind}" for task in tasks for kind in ("pdf", "png")} < names and len(names) == 6


def test_a_damaged_series_is_reported_and_left_out(folder, tmp_path, capsys):
    write_series(tmp_path, SCORES)
    analyze_summary.main([str(tmp_path), "--bootstrap", "100"])
    path = tmp_path / "comparison_results.json"
    value = study.loaded(path)
    del value["series"][0]["steps"]
    path.write_text(json.dumps(value))
    assert main([str(tmp_path), "--no-answers", "--no-zip", "--no-figures"]) == 1
    assert "comparison_results.json is not valid" in capsys.readouterr().err and data(tmp_path)["series"] == []


@pytest.mark.browser
def test_each_series_has_a_section_that_follows_the_filters(folder, browser):
    with browsing.quiet(browser) as visit:
        page = visit(folder / "report.html")
        page.evaluate(browsing.SCROLL)
        assert page.locator("section[id^=series] h2").all_inner_texts() == [
            f"Checkpoints of {EVIL}",
            "Checkpoints of run7",
        ]
        charts = page.locator("section[id^=series] .plot[role=img] svg")
        charts.nth(2).wait_for()
        assert charts.count() == 3 and page.locator("figure .plot[role=img]").count() == page.locator("figure").count()
        section = page.locator("#series-2")
        said = section.locator("p.said").all_inner_texts()
        assert said[0].startswith("run7 on aime24: step 400 is best of 4, ")
        assert "distinguishable from the last" in said[0]
        assert said[1].startswith("The best of 4 was selected by its score")
        section.locator("summary").first.click()
        steps = section.locator("details[open] tbody th").all_inner_texts()
        assert steps == ["100", "200", "400", "1000"]
        box = section.locator(".plot").first.bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.42, box["y"] + 90)  # between 52 and 18 pixels of margin, at 400
        page.wait_for_selector("#series-2 .tip")
        assert "run7@400 (best)" in section.locator(".tip").first.inner_text()
        page.fill("#filter", "run7@1000")
        section.locator("figcaption small").filter(has_text="1 checkpoint,").first.wait_for()
        assert "No checkpoint of this series is selected" in page.locator("#series-1 .plot").inner_text()


@pytest.mark.browser
def test_sixty_checkpoints_fit_the_window(tmp_path, browser):
    rng = np.random.default_rng(1)
    write_series(tmp_path, {100 * step: (rng.random((2, 20)) < step / 80).astype(int) for step in range(1, 61)})
    reported(tmp_path, "--no-figures")
    with browsing.quiet(browser) as visit:
        for width in (390, 1280):
            page = visit(tmp_path / "report.html", width=width)
            page.locator("#series-1 .plot").scroll_into_view_if_needed()
            page.wait_for_selector("#series-1 .plot svg")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert "60 checkpoints" in page.locator("#series-1 figcaption").inner_text()
