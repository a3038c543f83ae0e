"""Grading never raises and never takes long, whatever the text."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalsuite.grading import Verdict, verify
from evalsuite.grading.compare.answers import answer_class

MANY = 100_000


def boxed(text):
    return rf"\boxed{{{text}}}"


HOSTILE = {
    "tower": boxed("9**9**9**9"),
    "tower in TeX": boxed("9^{9^{9^{9}}}"),
    "factorial of a factorial": boxed("((9!)!)!"),
    "large factorial": boxed("99999999999!"),
    "large binomial": boxed(r"\binom{10^{9}}{10^{8}}"),
    "long sum": boxed(r"\sum_{k=1}^{10^{99}} k"),
    "many large powers": boxed("*".join(["9^{99999}"] * 300)),
    "fractions with large denominators": boxed("+".join(rf"\frac{{1}}{{{n}^{{{n}}}}}" for n in range(2, 250))),
    "large power of a letter": boxed("f(n) = n^{1234567}"),
    "floor of a large power": boxed(r"\lfloor e^{10^{6}} \rfloor + \lfloor \pi^{10^{8}} \rfloor"),
    "exponent of absurd size": boxed("1e999999999"),
    "braces": boxed("{" * MANY + "}" * MANY),
    "nested boxes": r"\boxed{" * MANY + "}" * MANY,
    "open boxes": r"\boxed{" * MANY,
    "brackets": boxed("(" * 3000 + "1" + ")" * 3000),
    "roots": boxed(r"\sqrt" * 1500 + "2"),
    "bars": boxed("|" * 1500),
    "nested text": boxed(r"\text{" * 900 + "}" * 900),
    "labels": boxed("Ann: " * 1500 + "5"),
    "signs": boxed("-" * 5000 + "1"),
    "dollars": "$" * MANY,
    "openings": r"\(" * MANY,
    "environments": r"\begin{align}" * MANY,
    "thinking": "<think>" * MANY,
    "channels": "<|channel|>final<|message|>" * MANY,
    "elements": "<answer>" * MANY,
    "statements": "the answer is " * MANY,
    "spaces after a statement": "answer is" + " " * MANY,
    "brackets after a statement": "the answer is " + "(" * MANY,
    "newlines": "\n" * MANY,
    "choices": "option A\n" * MANY,
    "one long word": "a" * 3_000_000,
    "one long number": "1" * 3_000_000,
    "numbers": boxed("123 " * 1900),
    "NULs": "\0" * MANY,
    "surrogates": "\ud800" * 1000 + boxed("\udfff"),
    "combining marks": "1\u0305" * MANY,
    "signs of choice in a tuple": boxed("(" + ",".join([r"\pm 1"] * 40) + ")"),
    "division by zero": boxed(r"\frac{1}{0}"),
    "a pole": boxed(r"\log 0 + \tan(10^{30})"),
}


@pytest.mark.parametrize("kind", ["latex", "mcq"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_graded_in_seconds(name, kind):
    started = time.monotonic()
    verdict = verify("C" if kind == "mcq" else "7", HOSTILE[name], kind)
    assert isinstance(verdict, Verdict)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("name", ["tower in TeX", "factorial of a factorial", "many large powers", "large binomial"])
def test_what_cannot_be_computed_equals_what_is_written_the_same_way_only(name):
    inner = HOSTILE[name][7:-1]
    assert verify(inner, boxed(f"0 + {inner}"), "latex").correct
    assert not verify(inner, boxed(f"{inner} + 1"), "latex").correct
    assert not verify("1", HOSTILE[name], "latex").correct


PIECES = [
    r"\frac", r"\sqrt", r"\boxed{", r"\text{", r"\left", r"\right", r"\begin{pmatrix}", r"\end{pmatrix}", r"\pm",
    r"\cup", r"\in", r"\infty", r"\mid", r"\{", r"\}", r"\overline{", r"\binom", r"\sum_{k=1}^n", r"\log_",
    r"\sin", r"\pmod", r"\not", r"\circ", "{", "}", "(", ")", "[", "]", "|", "^", "_", "$", "\\", "&", "%", "!",
    "'", ":", ";", ",", "=", "<", "/", "-", "1", "2.5", "1,234", "x", "and", "or", "where", "the answer is",
    "Answer:", "<answer>", "</answer>", "<think>", "</think>", "½", "²", "π", "\ud800", "\x00", "12:30 pm",
    "May 5", "A", "(B)", "e", "i", " ", "\n",
]  # fmt: skip
TEXTS = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))


@settings(max_examples=400, deadline=None)
@given(gold=TEXTS, response=TEXTS, kind=st.sampled_from(["latex", "expr", "mcq"]), cut=st.booleans(), box=st.booleans())
def test_no_text_raises(gold, response, kind, cut, box):
    response = boxed(response) if box else response
    verdict = verify(gold, response, kind, finish_reason="length" if cut else None, tolerance=0.01, unit="cm")
    assert (verdict.answer_class is None) == (verdict.extracted is None)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_every_text_has_one_class(text):
    assert answer_class(text) == answer_class(text)


@settings(max_examples=200, deadline=None)
@given(st.integers(-(10**30), 10**30), st.integers(-(10**30), 10**30))
def test_whole_numbers_are_right_only_for_themselves(gold, answer):
    assert verify(str(gold), boxed(answer), "latex").correct == (gold == answer)


@settings(max_examples=200, deadline=None)
@given(st.fractions(max_denominator=999), st.fractions(max_denominator=999))
def test_fractions_are_right_only_for_themselves(gold, answer):
    written = rf"\frac{{{answer.numerator}}}{{{answer.denominator}}}"
    assert verify(f"{gold.numerator}/{gold.denominator}", boxed(written), "latex").correct == (gold == answer)
