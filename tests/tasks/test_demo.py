"""The demo problems: there are enough of them, none is repeated, and their answers are right."""

import re

import pytest

from evalsuite.tasks import data
from evalsuite.tasks.names import resolve

DEMOS = ["demo_arithmetic", "demo_words"]


@pytest.mark.parametrize("name", DEMOS)
def test_there_are_at_least_24_different_problems_in_three_levels(name):
    rows = data.load_rows(resolve(name))
    assert len({row["problem"] for row in rows}) == len({row["id"] for row in rows}) == len(rows) >= 24
    assert {row["fields"]["level"] for row in rows} == {1, 2, 3}
    assert all(row["gold"] == str(int(row["gold"])) for row in rows)


def test_the_arithmetic_is_right():
    words = {" times ": "*", " divided by ": "/", " plus ": "+", "2 to the power of ": "2**"}
    checked = 0
    for row in data.load_rows(resolve("demo_arithmetic")):
        sum_ = re.sub(r"^What is |\?$", "", row["problem"])
        for word, sign in words.items():
            sum_ = sum_.replace(word, sign)
        if re.fullmatch(r"[\d +*/-]+", sum_):
            assert eval(sum_) == int(row["gold"]), row["problem"]
            checked += 1
    assert checked >= 30
