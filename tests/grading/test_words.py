"""Answers in words, times, dates, and letters of choices in boxes."""

import pytest

from evalsuite.grading import verify

# gold, kind, answers that are right, answers that are wrong
TABLE = [
    (r"\text{even}", "latex",
     ["even", "Even", r"\text{Even}", r"\mathrm{even}", r"\textbf{even}", "EVEN"],
     ["odd", "evenly", "not even", "uneven", "eve"]),
    (r"\text{Monday}", "latex", ["Monday", r"\text{monday}"], ["Sunday", "Tuesday"]),
    (r"\text{Yes}", "latex", ["yes", "True"], ["no", "No", "False", "yes and no"]),
    (r"\text{No solution}", "latex", ["no solution", r"\text{no solution}", "No solution."], ["solution", "0"]),
    ("parabola", "latex", ["a parabola", "the parabola"], []),
    ("red, blue", "latex", ["blue, red", r"\text{red and blue}"], ["red", "red, green"]),
    (r"\text{(B)}", "latex", ["B", "(B)", r"\textbf{(B)}", "B.", r"\text{B}", r"(B)\ 12"], ["A", "C", "b+c"]),
    ("3:45 p.m.", "latex",
     ["3:45 PM", r"3\!:\!45\text{ p.m.}", "15:45", "3:45", "3:45pm", r"3:45 \text{ P.M.}"],
     ["3:45 a.m.", "4:45 p.m.", "3:54 p.m.", "345"]),
    ("May 5", "latex", ["5 May", "May 5th", "the 5th of May"], ["May 6", "June 5"]),
    (r"n \equiv 1 \pmod 3", "latex",
     [r"n\equiv 1\pmod{3}", "1 mod 3", "congruent to 1 modulo 3"],
     [r"n\equiv 2\pmod 3", r"n \equiv 1 \pmod 4"]),
    (r"63\text{ inches}", "latex", ["5 feet 3 inches", r"5\text{ ft }3\text{ in}", "5 feet and 3 inches"], []),
    (r"\text{undefined}", "latex", ["DNE", r"\text{does not exist}"], ["0", r"\text{defined}"]),
    ("Vera won the game", "latex", ["Vera"], ["Vera lost", "Bob", "game", "won"]),
    ("The graph is a parabola.", "latex", ["parabola", "a parabola"], ["graph", "circle", "a"]),
    ("The graph is not a parabola.", "latex", [], ["parabola"]),
    ("3 apples", "latex", ["3", r"3\text{ apples}"], ["4", "apples"]),
    ("at least 5", "latex", [], ["5", "at most 5"]),
    (r"x^2 \text{ for } x>0", "latex", ["x^2"], []),
    (r"f(x)=x+c, \text{ where } c \text{ is any real constant}", "latex", ["x+c", "f(x)=x+c"], []),
    ("True", "latex", [r"\text{True}", "true", r"\text{true}"], ["False", r"\text{False}"]),
    ("6:00 PM", "latex",
     [r"6:00 \text{ PM}", r"6 \text{ p.m.}", "6:00", "18:00", r"\text{6 PM}"],
     ["6:00 AM", "5:00 PM", "6:30 PM"]),
]  # fmt: skip


def boxed(gold: str, answer: str, kind: str) -> bool:
    return verify(gold, f"We find that it is $\\boxed{{{answer}}}$.", kind).correct


@pytest.mark.parametrize(("gold", "kind", "right", "_"), TABLE, ids=[row[0] for row in TABLE])
def test_an_answer_in_words_is_right_in_other_words(gold, kind, right, _):
    assert [answer for answer in right if not boxed(gold, answer, kind)] == []


@pytest.mark.parametrize(("gold", "kind", "_", "wrong"), TABLE, ids=[row[0] for row in TABLE])
def test_other_words_are_wrong(gold, kind, _, wrong):
    assert [answer for answer in wrong if boxed(gold, answer, kind)] == []


def test_words_are_never_compared_in_part():
    for gold, answer in (("hexagon", "hexagonal"), ("north", "northeast"), ("prime", "not prime"), ("Ann", "Anna")):
        assert not boxed(gold, answer, "latex") and not boxed(answer, gold, "latex")


def test_a_sentence_is_answered_by_its_subject_or_predicate_alone():
    assert boxed("The remaining region is convex.", "convex", "latex")
    assert boxed("Bruno wins the second round.", "Bruno", "latex")
    for part in ("region", "second", "round", "remaining", "wins", "the"):
        assert not boxed("The remaining region is convex.", part, "latex")
        assert not boxed("Bruno wins the second round.", part, "latex")
    assert not boxed("The remaining region is not convex.", "convex", "latex")
