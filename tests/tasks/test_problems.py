"""Problem hashes, and the selection of problems: by id, by a filter, and as nested, stable samples."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.errors import UserError
from evalsuite.tasks.problems import problem_hash, select


def row(number: int, **fields) -> dict:
    return {"id": f"p{number}", "problem_hash": problem_hash(f"Problem {number}", "1"), "fields": fields}


ROWS = [row(number, level=number % 5 + 1, subject="Algebra" if number % 2 else "Geometry") for number in range(40)]


def test_the_hash_is_the_documented_one():
    assert problem_hash("What is 1+1?", "2") == "b7885d3c82821bcb"


def test_the_hash_ignores_whitespace_and_unicode_normalisation_and_nothing_else():
    assert problem_hash("a  b\n", "caf\u00e9") == problem_hash("a b", "cafe\u0301")
    assert problem_hash("a b", "1") != problem_hash("ab", "1") != problem_hash("a", "b1")
    assert problem_hash("a", "b") != problem_hash("a b", "")


@given(st.integers(1, 39), st.randoms())
def test_a_smaller_sample_is_part_of_a_larger_one_whatever_the_files_order(few, rng):
    mixed = rng.sample(ROWS, len(ROWS))
    names = {chosen["id"] for chosen in select(mixed, few)}
    assert len(names) == few and names < {chosen["id"] for chosen in select(ROWS, few + 1)}


def test_chosen_rows_keep_their_order():
    assert select(ROWS, 7) == [chosen for chosen in ROWS if chosen in select(ROWS, 7)]


def test_max_samples_does_not_just_take_the_first_rows():
    assert select(ROWS, 10) != ROWS[:10]


def test_a_filter_compares_fields():
    assert {chosen["fields"]["level"] for chosen in select(ROWS, filter="level >= 4")} == {4, 5}
    both = select(ROWS, filter="level in [1, 2] and not subject == 'Algebra'")
    assert {(chosen["fields"]["level"], chosen["fields"]["subject"]) for chosen in both} == {
        (1, "Geometry"),
        (2, "Geometry"),
    }


def test_a_filter_reads_level_five_as_five():
    rows = [row(1, level="Level 5"), row(2, level="2"), row(3, level=4)]
    assert [chosen["id"] for chosen in select(rows, filter="level>=4")] == ["p1", "p3"]


@pytest.mark.parametrize(
    "text", ["__import__('os').system('true')", "level.bit_length()", "[x for x in [1]]", "level ** 9999", "lambda: 1"]
)
def test_a_filter_runs_no_code(text):
    with pytest.raises(UserError, match="may only compare fields"):
        select(ROWS, filter=text)


@pytest.mark.parametrize(
    "text, said",
    [("level>=", "invalid filter"), ("grade>4", "the fields are level, subject"), ("subject>4", "does not fit")],
)
def test_a_filter_that_cannot_be_used_is_a_user_error(text, said):
    with pytest.raises(UserError, match=said):
        select(ROWS, filter=text)


def test_problems_can_be_selected_by_id_and_by_hash():
    wanted = ["p3", ROWS[5]["problem_hash"]]
    assert [chosen["id"] for chosen in select(ROWS, ids=wanted)] == ["p3", "p5"]


def test_an_unknown_id_is_a_user_error():
    with pytest.raises(UserError, match="no problem has the id 'q1'; ids look like 'p0'"):
        select(ROWS, ids=["p1", "q1"])


def test_selecting_no_problem_is_a_user_error():
    with pytest.raises(UserError, match="no problem is selected"):
        select(ROWS, filter="level > 5")


def test_everything_is_selected_by_default():
    rows = random.Random(0).sample(ROWS, len(ROWS))
    assert select(rows) == rows
