"""Answer classes: all forms of an answer have the same class, so that a vote counts answers and not spellings."""

import pytest

from evalsuite.grading import verify
from evalsuite.grading.compare.answers import answer_class

SAME = [
    ["0.75", r"\frac{3}{4}", "3/4", r"x = \frac34", "0.750", r"\dfrac{6}{8}", "0.75 cm", r"\$0.75"],
    ["1234", "1,234", r"1\,234", "1234.0", "1 234", r"1{,}234 \text{ km}", "1.234e3"],
    ["1/3", r"\frac{1}{3}", "0.333333", "0.33333333333", r"0.\overline{3}"],
    [r"\frac{\sqrt{3}}{2}", "0.8660254", "0.866025403784", r"\sqrt{\frac34}", r"\sin 60^\circ"],
    ["1, 2, 3", r"\{3, 2, 1\}", "x = 1, 2, 3", r"3 \text{ and } 1 \text{ and } 2"],
    ["(1, 2)", "(x, y) = (1, 2)", "x = 1, y = 2", "y = 2, x = 1", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"],
    ["x < 3", r"(-\infty, 3)", r"\{t \mid t < 3\}", "3 > x"],
    ["1 < x < 2", "(1, 2)", r"x \in (1,2)"],
    [r"\pm 2", "2, -2", r"\{-2, 2\}", "x = 2 or x = -2"],
    ["(x+1)^2", "x^2+2x+1", "f(x) = x^2 + 2x + 1", "f(t) = t^2 + 2t + 1"],
    [r"\frac{\pi}{4} + k\pi", r"\frac{\pi}{4} + n\pi, n \in \mathbb{Z}"],
    [r"\text{Odd}", "odd", "the odd"],
    ["yes", r"\text{True}"],
    [r"\text{seven}", "7"],
    ["4:30 p.m.", "4:30 PM", r"4\!:\!30 \text{ p.m.}"],
    ["May 5", "5th of May"],
    [r"n \equiv 1 \pmod 3", "1 mod 3", "congruent to 1 modulo 3"],
]
DIFFERENT = [
    "1", "-1", "10", "1.5", r"\frac{1}{1000!}", r"\frac{1}{1001!}", "10^{50}", "10^{50}+1", "0", "(1, 2)",
    "(2, 1)", "1, 2", "[1, 2]", "1, 2, 2", "x < 3", r"x \le 3", "x > 3", "x", "y", "|x|", "x^2", "even",
    "not even", "at least 1", "at most 1", r"\infty", r"-\infty", "A", "4:30 p.m.", "4:30 a.m.", "May 5", "May 6",
    r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", "1, 2, 3, 4", "i", "2i", r"\emptyset", "x + y = 2",
    r"n \equiv 1 \pmod 3", r"n \equiv 1 \pmod 4",
]  # fmt: skip


@pytest.mark.parametrize("forms", SAME, ids=[forms[0] for forms in SAME])
def test_forms_of_one_answer_have_one_class(forms):
    assert len({answer_class(form) for form in forms}) == 1


def test_different_answers_have_different_classes():
    classes = [answer_class(text) for text in DIFFERENT]
    assert sorted({text for text, one in zip(DIFFERENT, classes, strict=True) if classes.count(one) > 1}) == []


@pytest.mark.parametrize("forms", SAME, ids=[forms[0] for forms in SAME])
def test_verify_gives_the_class_of_what_it_extracts(forms):
    for form in forms:
        verdict = verify(forms[0], rf"\boxed{{{form}}}", "latex")
        assert verdict.correct and verdict.answer_class == answer_class(forms[0])


def test_a_wrong_answer_has_a_class_too_and_no_answer_has_none():
    assert verify("1", r"\boxed{\frac{4}{2}}", "latex").answer_class == "2"
    assert verify("1", "<think>1", "latex").answer_class is None
