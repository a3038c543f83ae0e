"""Grading of the shared cases, golds and recorded answers; skipped if the shared folder does not exist."""

import json

import pytest

from benchmarks import grading as benchmark
from evalsuite.grading import verify
from evalsuite.grading.compare.answers import answer_class
from evalsuite.grading.find.gold import gold_answer


@pytest.fixture(scope="module")
def scored(shared):
    lines = map(json.loads, (shared / "grading" / "cases.jsonl").read_text(encoding="utf-8").splitlines())
    return [case for case in lines if not case.get("policy") and not case.get("lang")]


def test_nearly_all_cases_are_graded_right_and_no_wrong_answer_is_accepted(shared):
    table = benchmark.cases(shared)["graders"]
    ours = table["verified_match"]
    assert ours["right"] >= 0.975 and ours["false_positives"] == 0, ours["wrong"]
    assert ours["right"] > max(row["right"] for name, row in table.items() if name != "verified_match")


def test_a_case_costs_milliseconds(shared):
    assert benchmark.cases(shared)["milliseconds"]["median"] < 3


def test_every_gold_is_its_own_answer_and_not_the_next_one(shared):
    found = benchmark.self_match(shared / "data")
    assert found["golds"] == 2866 and found["right"] >= 0.995 * 2866, found["not_right"]
    assert found["next_taken_for_it"] == [  # these are equal: as an assignment, and within Minerva's tolerance of 1%
        ["math_500", "test/algebra/1837.json", "5", "x=5"],
        ["minerva", "209", "928", "927.5"],
    ]


def test_recorded_answers_are_graded_as_labelled_except_for_known_label_errors(shared):
    found = benchmark.recorded(shared / "recorded")
    known = [f"math100x8 3 sample {number}" for number in range(8)] + ["math100x8 72 sample 7"]
    assert found["answers"] == 800 + 4 * 1319
    assert [row[0] for row in found["differing"]] == known


def test_nearly_all_right_answers_have_the_class_of_their_gold_and_no_wrong_one_has(scored):
    together, apart = [], []
    for case in scored:
        verdict = verify(case["gold"], case["response"], case["kind"])
        if case["kind"] != "mcq" and verdict.correct == case["expected"] and verdict.extracted is not None:
            same = answer_class(gold_answer(case["gold"])) == verdict.answer_class
            (together if case["expected"] else apart).append(same)
    assert sum(together) / len(together) > 0.9  # not for percentages, degrees, values with and without names, sentences
    assert sum(apart) == 0
