"""Prompts: the text sent for a problem, and a one-line error for every mistake in a prompts file."""

import json

import pytest

from evalsuite.errors import UserError
from evalsuite.tasks.prompts import DEFAULT_PROMPTS, load_prompts
from evalsuite.tasks.table import load_table


@pytest.fixture
def texts() -> dict:
    """The suite's own texts, for a test to modify."""
    return json.loads(DEFAULT_PROMPTS.read_text(encoding="utf-8"))


@pytest.fixture
def load(tmp_path):
    """A function that loads prompts from a dict, or from a file's text."""

    def write(texts):
        path = tmp_path / "prompts.json"
        path.write_text(texts if isinstance(texts, str) else json.dumps(texts), encoding="utf-8")
        return load_prompts(path)

    return write


def test_the_prompts_of_all_tasks_ask_for_a_boxed_answer():
    prompts = load_prompts()
    for task in load_table().values():
        sent = prompts.render(task.template, "How many?", ["w", "x", "y", "z"] if task.kind == "mcq" else [])
        assert "How many?" in sent and "\\boxed{}" in sent


def test_choices_and_letters_are_filled_in(load, texts):
    texts["MULTIPLE_CHOICE_QUERY_TEMPLATE"] = "{letters}: {problem}\n{choices}\n{B}"
    sent = load(texts).render("MULTIPLE_CHOICE_QUERY_TEMPLATE", "Q", ["one", "two"])
    assert sent == "A, B: Q\nA) one\nB) two\ntwo"


def test_braces_in_a_problem_are_never_taken_for_placeholders():
    sent = load_prompts().render("MATH_QUERY_TEMPLATE", r"Is {choices} or {problem} in $\{x\}^{A}$?")
    assert r"Is {choices} or {problem} in $\{x\}^{A}$?" in sent


@pytest.mark.parametrize(
    "template, sent",
    [
        (r"{problem} \boxed{}", r"P \boxed{}"),
        (r"{problem} \boxed{ANSWER}", r"P \boxed{ANSWER}"),
        (r"{problem} \boxed{{ANSWER}}", r"P \boxed{ANSWER}"),
        (r"{problem} {{word}}", r"P {word}"),
        (r"{problem} \frac{a}{b} x_{max} y^{up}", r"P \frac{a}{b} x_{max} y^{up}"),
        (r"{problem} {} { } {1}", r"P {} { } {1}"),
    ],
)
def test_braces_of_latex_are_text(load, texts, template, sent):
    texts["MATH_QUERY_TEMPLATE"] = template
    assert load(texts).render("MATH_QUERY_TEMPLATE", "P") == sent


def test_a_text_may_be_a_list_of_lines(load, texts):
    texts["MATH_QUERY_TEMPLATE"] = ["a", "", "{problem}"]
    assert load(texts).render("MATH_QUERY_TEMPLATE", "P") == "a\n\nP"


def test_prompts_path_selects_another_file(tmp_path, texts, monkeypatch):
    texts["SYSTEM_PROMPT"] = "Be brief."
    other = tmp_path / "other.json"
    other.write_text(json.dumps(texts), encoding="utf-8")
    monkeypatch.setenv("PROMPTS_PATH", str(other))
    assert load_prompts().system == "Be brief."


@pytest.mark.parametrize("key", ["SYSTEM_PROMPT", "MATH_QUERY_TEMPLATE", "GRADE_SCHOOL_QUERY_TEMPLATE"])
def test_a_missing_key_is_reported(load, texts, key):
    del texts[key]
    with pytest.raises(UserError, match=f"prompts.json: key {key} is missing"):
        load(texts)


@pytest.mark.parametrize(
    "key, text, said",
    [
        ("MATH_QUERY_TEMPLATE", "{probelm} {problem}", r"unknown placeholder \{probelm\}"),
        ("SYSTEM_PROMPT", "Answer {name}.", r"unknown placeholder \{name\}"),
        ("MATH_QUERY_TEMPLATE", "Solve it.", r"lacks the placeholder \{problem\}"),
        ("MATH_QUERY_TEMPLATE", "{problem} {choices}", "has no choices"),
        ("MULTIPLE_CHOICE_QUERY_TEMPLATE", "{problem} {letters}", "shows no choices"),
        ("MATH_QUERY_TEMPLATE", 3, "must be a string or a list of strings"),
        ("MATH_QUERY_TEMPLATE", [1], "must be a string or a list of strings"),
    ],
)
def test_an_invalid_text_is_reported_with_its_key_and_fault(load, texts, key, text, said):
    texts[key] = text
    with pytest.raises(UserError, match=said) as caught:
        load(texts)
    assert key in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text, said", [("{", "not valid JSON"), ("[]", "must be a JSON object"), ("\x00", "not valid JSON")]
)
def test_a_file_that_is_not_a_json_object_is_a_user_error(load, text, said):
    with pytest.raises(UserError, match=said):
        load(text)


def test_a_missing_prompts_file_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="cannot read the prompts file"):
        load_prompts(tmp_path / "none.json")


def test_a_placeholder_for_a_choice_that_does_not_exist_is_a_user_error(load, texts):
    texts["MULTIPLE_CHOICE_QUERY_TEMPLATE"] = "{problem} {A} {B} {C}"
    with pytest.raises(UserError, match=r"uses \{C\}, but a problem has only 2 choices"):
        load(texts).render("MULTIPLE_CHOICE_QUERY_TEMPLATE", "Q", ["x", "y"])
