"""Problem hashes, and the choice of some problems: nested, stable, by fields and by id."""

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


def test_the_hash_ignores_spacing_and_normal_form_and_nothing_else():
    assert problem_hash("a  b\n", "caf\u00e9") == problem_hash("a b", "cafe\u0301")
    assert problem_hash("a b", "1") != problem_hash("ab", "1") != problem_hash("a", "b1")
    assert problem_hash("a", "b") != problem_hash("a b", "")


@given(st.integers(1, 39), st.randoms())
def test_fewer_problems_are_always_among_more_whatever_the_files_order(few, rng):
    mixed = rng.sample(ROWS, len(ROWS))
    names = {chosen["id"] for chosen in select(mixed, few)}
    assert len(names) == few and names < {chosen["id"] for chosen in select(ROWS, few + 1)}


def test_chosen_rows_keep_their_order():
    assert select(ROWS, 7) == [chosen for chosen in ROWS if chosen in select(ROWS, 7)]


def test_max_samples_picks_more_than_the_head_of_the_file():
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
    [("level>=", "cannot read the filter"), ("grade>4", "fields are level, subject"), ("subject>4", "does not fit")],
)
def test_a_filter_that_cannot_be_used_is_one_line(text, said):
    with pytest.raises(UserError, match=said):
        select(ROWS, filter=text)


def test_ids_and_hashes_both_pick():
    wanted = ["p3", ROWS[5]["problem_hash"]]
    assert [chosen["id"] for chosen in select(ROWS, ids=wanted)] == ["p3", "p5"]


def test_an_id_that_nobody_has_is_named():
    with pytest.raises(UserError, match="no problem has the id 'q1'; ids look like 'p0'"):
        select(ROWS, ids=["p1", "q1"])


def test_a_choice_that_leaves_nothing_is_an_error():
    with pytest.raises(UserError, match="no problem is left"):
        select(ROWS, filter="level > 5")


def test_no_choice_is_all():
    rows = random.Random(0).sample(ROWS, len(ROWS))
    assert select(rows) == rows
