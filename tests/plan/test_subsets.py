"""Part of a task's problems: selected by field, id or number, extended later, and shown in the results."""

import csv
import json
from pathlib import Path

import pytest

import analyze_results
import analyze_summary
from evalsuite.report.__main__ import main as report
from tests.support.calls import Calls, Outcome, by_problem
from tests.support.sweeps import experiments, sum_problem

pytestmark = pytest.mark.slow

PROBLEMS = 60


@pytest.fixture
def calls(tmp_path: Path, fake_server: Calls) -> Calls:
    """The module's server, in folders of this test, with a task of sixty sums that have levels from 1 to 5."""
    fake_server.folder, fake_server.data = tmp_path, tmp_path / "data"
    fake_server.data.mkdir()
    rows = [sum_problem(number) | {"level": f"Level {1 + number % 5}"} for number in range(PROBLEMS)]
    (fake_server.data / "demo_arithmetic.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return fake_server


def ask_for(calls: Calls, *selection: str) -> tuple[Outcome, set[str]]:
    """Make one call; returns its outcome and the sums that it requested."""
    outcome, requests = calls.asked("out", *selection)
    asked = by_problem(requests)
    assert outcome.code == 0 and all(len(bodies) == 1 for bodies in asked.values()), outcome
    return outcome, set(asked)


def test_a_larger_selection_asks_only_the_new_problems_and_a_smaller_one_none(calls: Calls) -> None:
    _, five = ask_for(calls, "--max_samples", "5")
    _, more = ask_for(calls, "--max_samples", "50")
    assert len(five) == 5 and len(more) == 45 and not five & more
    for smaller in ("5", "20", "50"):
        outcome, none = ask_for(calls, "--max_samples", smaller)
        assert none == set() and outcome.out == "1 experiment: 1 finished, 0 to do\n"
    _, rest = ask_for(calls)
    assert len(rest) == PROBLEMS - 50 and not rest & (five | more)
    for selection in (("--max_samples", "2"), ("--ids", "p1"), ("--filter", "level>=4")):  # all are answered already
        assert ask_for(calls, *selection)[1] == set()
    (manifest,) = experiments(calls.folder / "out").values()
    assert (manifest["num_samples"], manifest["problems_total"]) == (PROBLEMS, PROBLEMS)
    assert [one["num_samples"] for one in manifest["history"]] == [5, 50]


def test_filters_and_ids_select_problems_and_existing_answers_are_reused(calls: Calls) -> None:
    _, hard = ask_for(calls, "--filter", "level>=4")
    assert {int(asked.split()[0]) % 5 for asked in hard} == {3, 4} and len(hard) == 24
    _, ids = ask_for(calls, "--ids", "p0", "p1", "p3")
    assert ids == {"0 + 3", "1 + 4"}  # p3 has level 4
    _, first = ask_for(calls, "--filter", "level>=3", "--max_samples", "10")
    assert not first & (hard | ids) and len(first) < 10
    (manifest,) = experiments(calls.folder / "out").values()
    assert manifest["selections"] == [[None, [], "level>=4"], [None, ["p0", "p1", "p3"], ""], [10, [], "level>=3"]]


def test_results_tables_and_report_show_how_much_of_the_task_is_covered(calls: Calls, capsys) -> None:
    ask_for(calls, "--max_samples", "7")
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
