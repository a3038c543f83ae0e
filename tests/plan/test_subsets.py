"""A part of a task: chosen by field, by id or by number; it grows and shrinks, and results say what it covers."""

import csv
import json
from pathlib import Path

import pytest

import analyze_results
import analyze_summary
from evalsuite.report.__main__ import main as report
from tests.support.calls import Calls, Outcome, by_problem
from tests.support.sweeps import experiments, sum_problem

PROBLEMS = 60


@pytest.fixture
def calls(tmp_path: Path, fake_server: Calls) -> Calls:
    """The module's server with a task of sixty sums, each with a level from 1 to 5; folders are the test's own."""
    fake_server.folder, fake_server.data = tmp_path, tmp_path / "data"
    fake_server.data.mkdir()
    rows = [sum_problem(number) | {"level": f"Level {1 + number % 5}"} for number in range(PROBLEMS)]
    (fake_server.data / "demo_arithmetic.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return fake_server


def paid(calls: Calls, *choice: str) -> tuple[Outcome, set[str]]:
    """One call: what came of it, and the sums that were asked for."""
    outcome, requests = calls.asked("out", *choice)
    asked = by_problem(requests)
    assert outcome.code == 0 and all(len(bodies) == 1 for bodies in asked.values()), outcome
    return outcome, set(asked)


def test_growing_pays_for_the_new_problems_alone_and_shrinking_for_none(calls: Calls) -> None:
    _, five = paid(calls, "--max_samples", "5")
    _, more = paid(calls, "--max_samples", "50")
    assert len(five) == 5 and len(more) == 45 and not five & more
    for smaller in ("5", "20", "50"):
        outcome, none = paid(calls, "--max_samples", smaller)
        assert none == set() and outcome.out == "1 experiments: 1 finished, 0 to do\n"
    _, rest = paid(calls)
    assert len(rest) == PROBLEMS - 50 and not rest & (five | more)
    for choice in (("--max_samples", "2"), ("--ids", "p1"), ("--filter", "level>=4")):  # all of it holds any part
        assert paid(calls, *choice)[1] == set()
    (manifest,) = experiments(calls.folder / "out").values()
    assert (manifest["num_samples"], manifest["problems_total"]) == (PROBLEMS, PROBLEMS)
    assert [one["num_samples"] for one in manifest["history"]] == [5, 50]


def test_fields_and_ids_choose_and_what_is_there_already_is_reused(calls: Calls) -> None:
    _, hard = paid(calls, "--filter", "level>=4")
    assert {int(asked.split()[0]) % 5 for asked in hard} == {3, 4} and len(hard) == 24
    _, ids = paid(calls, "--ids", "p0", "p1", "p3")
    assert ids == {"0 + 3", "1 + 4"}  # p3 has level 4
    _, first = paid(calls, "--filter", "level>=3", "--max_samples", "10")
    assert not first & (hard | ids) and len(first) < 10
    (manifest,) = experiments(calls.folder / "out").values()
    assert manifest["selections"] == [[None, [], "level>=4"], [None, ["p0", "p1", "p3"], ""], [10, [], "level>=3"]]


def test_results_tables_and_report_say_how_much_of_the_task_they_cover(calls: Calls, capsys) -> None:
    paid(calls, "--max_samples", "7")
    out = str(calls.folder / "out")
    assert analyze_results.main([out]) == 0
    found = json.loads((calls.folder / "out" / "bytes" / "all_experiments_results.json").read_text())["experiments"]
    assert {(one["problems_asked"], one["problems_total"]) for one in found.values()} == {(7, PROBLEMS)}
    capsys.readouterr()
    assert analyze_summary.main([out]) == 0
    assert "demo_arithmetic (7 of 60)" in capsys.readouterr().out
    assert "arithmetic (7 of 60)" in (calls.folder / "out" / "tables" / "results.md").read_text()
    with (calls.folder / "out" / "bytes" / "config_analysis.csv").open() as stream:
        row = next(csv.DictReader(stream))
    assert (row["n_problems"], row["problems_total"]) == ("7", "60") and "7 of the task's 60 problems" in row["notes"]
    assert report([out]) == 0
    assert "7 of 60 problems" in (calls.folder / "out" / "report.html").read_text()
