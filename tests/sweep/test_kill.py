"""Whatever is killed, and however often, no journaled completion is lost or repeated, and the results are the same."""

import csv
import random
from pathlib import Path

import pytest

import analyze_results
import analyze_summary
from benchmarks.torture import ROWS, torture

pytestmark = pytest.mark.slow

KILLS = 10
TIMES = {"generation_seconds"}


@pytest.fixture(scope="module")
def tortured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """The folder of an undisturbed sweep and of killed ones, and the report on the latter."""
    folder = tmp_path_factory.mktemp("torture")
    return folder, torture(folder, KILLS, random.Random(4), problems=12, seeds="0-7")


def test_ten_kills_neither_lose_nor_repeat_anything(tortured: tuple[Path, dict]) -> None:
    _, result = tortured
    assert result["kills"] == KILLS and sum(result["by_victim"].values()) == KILLS
    assert {name: result.get(name, 0) for name in ROWS[3:]} == dict.fromkeys(ROWS[3:], 0)


def test_a_killed_sweep_has_the_tables_of_an_undisturbed_one(tortured: tuple[Path, dict]) -> None:
    folder, _ = tortured
    tables = [analysed(folder / name) for name in ("undisturbed", "tortured0")]
    assert tables[0] == tables[1] and len(tables[0]["seed_analysis.csv"]) >= 6


def analysed(output: Path) -> dict[str, list[dict[str, str]]]:
    """The tables of both analysis passes, by file name."""
    assert analyze_results.main([str(output)]) == 0 == analyze_summary.main([str(output)])
    found = {}
    for path in output.rglob("*.csv"):
        if path.parent in (output, output / "bytes"):
            rows = csv.DictReader(path.open(newline=""))
            found[path.name] = [{key: row[key] for key in row if key not in TIMES} for row in rows]
    return found
