"""figures/: every chart as PDF with embedded fonts and as PNG, one column wide."""

import re
import struct
import zlib

import pytest

import analyze_summary
from evalsuite.report.figures import write_figures
from evalsuite.report.load import load
from tests.support import report_tree, study

pytestmark = pytest.mark.slow

KINDS = {"dots", "pairs", "curves", "lengths", "rates", "problems"}


def fonts(pdf: bytes) -> set[str]:
    """The kinds of fonts in a PDF, including its compressed streams."""
    parts = [pdf]
    for found in re.finditer(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            parts.append(zlib.decompress(found[1]))
        except zlib.error:
            continue
    return {kind.decode() for part in parts for kind in re.findall(rb"/FontFile\d?|/Type3", part)}


def test_every_chart_of_every_task_is_a_pdf_and_a_png():
    names = {path.name for path in (report_tree.report() / "figures").iterdir()}
    wanted = {
        f"{kind}_{task}.{form}" for kind in KINDS for task in ("aime24", "gpqa-diamond") for form in ("pdf", "png")
    }
    assert names == wanted


def test_fonts_are_embedded_as_truetype():
    for path in (report_tree.report() / "figures").glob("*.pdf"):
        assert fonts(path.read_bytes()) == {"/FontFile2"}, path.name


def test_figures_are_one_column_wide():
    for path in (report_tree.report() / "figures").glob("*.png"):
        width, height = struct.unpack(">II", path.read_bytes()[16:24])
        assert abs(width / 300 - 3.35) < 0.02 and 0.5 < height / 300 < 4


def test_charts_without_data_are_left_out_and_the_same_study_gives_the_same_files(tmp_path):
    study.write(tmp_path, "only", *study.seeds("amc23", [1, 0, 1, 0]))
    assert analyze_summary.main([str(tmp_path), "--bootstrap", "200"]) == 0
    write_figures(load(tmp_path))
    made = {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()}
    assert {name.split("_")[0] for name in made} == KINDS - {"pairs", "curves"}
    write_figures(load(tmp_path))
    assert {path.name: path.read_bytes() for path in (tmp_path / "figures").iterdir()} == made
