"""docs/statistics.md names every column, flag and verdict, and its worked comparison is what the code computes."""

import json
import re
from pathlib import Path

import pytest

import analyze_summary
from evalsuite.summary.configuration import CONFIG_COLUMNS, SEED_COLUMNS
from evalsuite.summary.pairs import A_BETTER, B_BETTER, COLUMNS, OPEN, TOO_FEW
from evalsuite.summary.references import COLUMNS as REFERENCE_COLUMNS
from evalsuite.summary.series_tables import COLUMNS as SERIES_COLUMNS
from tests.support import study

PAGE = (Path(__file__).resolve().parents[2] / "docs/statistics.md").read_text("utf-8")
SAME_IN_ALL = {"model", "task", "config_id", "metric", "temperature", "top_p", "max_new_tokens", "a", "b"}


def section(title):
    return re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)[1]


@pytest.mark.parametrize(
    ("title", "columns"),
    [
        ("seed_analysis.csv", SEED_COLUMNS),
        ("config_analysis.csv", CONFIG_COLUMNS),
        ("model_comparison.csv", COLUMNS),
        ("series_analysis.csv", SERIES_COLUMNS),
    ],
)
def test_every_column_has_its_line(title, columns):
    named = set(re.findall(r"`([^`]+)`", section(title)))
    assert {name for name in columns if name not in named} <= SAME_IN_ALL | {"a_config_id", "b_config_id"}


def test_every_flag_and_verdict_is_explained():
    flags = set(re.findall(r"--[a-z-]+", Path(analyze_summary.__file__).read_text("utf-8"))) - {"--help"}
    assert {flag for flag in flags if flag not in PAGE} == set()
    assert all(f"`{words}`" in PAGE for words in (A_BETTER, B_BETTER, OPEN, TOO_FEW))


def test_the_reference_columns_are_those_of_the_code():
    assert f"`{','.join(REFERENCE_COLUMNS)}`" in PAGE


def test_the_worked_comparison_comes_out_of_the_recorded_answers(shared, tmp_path):
    lines = (shared / "recorded/openai_gsm8k_4systems/example_model_solutions.jsonl").read_text("utf-8").splitlines()
    for system in ("6b_verification", "175b_finetuning"):
        scores = [int(json.loads(line)[system]["is_correct"]) for line in lines]
        study.write(tmp_path, system, *study.seeds("gsm8k", scores))
    assert analyze_summary.main([str(tmp_path)]) == 0
    row = study.rows(tmp_path / "model_comparison.csv")[0]
    example = section("A comparison explained")
    for name in ("difference", "stderr", "p_value", "p_mcnemar", "minimum_detectable_effect"):
        printed = re.search(rf"\b{name} ([\d.]+)", example)[1]
        assert float(row[name]) == pytest.approx(float(printed), abs=0.6 * 10 ** -len(printed.split(".")[1]))
    assert f'"{row["verdict_new_problems"]}"' in example and row["verdict_these_problems"] == ""
    assert f"`problems_to_settle` is {row['problems_to_settle']}" in example
