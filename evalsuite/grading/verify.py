"""Grade one completion: remove the thinking, find the answer, compare it with the gold answer."""

from dataclasses import dataclass

from evalsuite.grading.compare.answers import answer_class, same_answer
from evalsuite.grading.find import mcq
from evalsuite.grading.find.extract import Found, find_answer
from evalsuite.grading.find.gold import gold_answer
from evalsuite.grading.find.thinking import visible
from evalsuite.grading.read.delimiters import open_box
from evalsuite.grading.read.normalize import as_latex


@dataclass(frozen=True)
class Verdict:
    """The outcome of one comparison.

    `extracted` is the answer found in the response, or None if there is none. `answer_class` is its canonical form:
    completions whose classes are equal strings gave the same answer, and maj@k votes over these classes. `reason`
    explains the verdict in a few words.
    """

    correct: bool
    extracted: str | None
    answer_class: str | None
    reason: str


KINDS = ("latex", "expr", "mcq")
_LONGEST_LETTER = 5  # characters of a gold that is one letter, such as {(B)}
_LONGEST_ANSWER = 20_000
_LONGEST_TEXT = 2_000_000  # characters read from the end of a response, where the answer is


def verify(
    gold: str | list[str],
    response: str,
    kind: str,
    *,
    finish_reason: str | None = None,
    tolerance: float | None = None,
    unit: str | None = None,
) -> Verdict:
    r"""Whether `response` gives the answer `gold`, or one of several golds.

    `kind` is latex, expr or mcq. `finish_reason` "length" means that the response was truncated. `tolerance` is
    relative to the gold. `unit` is the unit of the gold if the gold itself does not contain it. The function has no
    side effects and no time limit of its own; evalsuite.bounded provides one. Raises ValueError for an unknown kind.

    >>> verify(r"\frac{1}{5}", r"So the result is \boxed{0.2}.", "latex").correct
    True
    >>> verify("7", "The number 7 was", "expr", finish_reason="length")
    Verdict(correct=False, extracted=None, answer_class=None, reason='no answer: truncated before one was stated')
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; known: {', '.join(KINDS)}")
    golds = [gold] if isinstance(gold, str) else list(gold)
    text = visible(response)[-_LONGEST_TEXT:]
    truncated = finish_reason == "length" or open_box(text)
    if kind == "mcq":
        return _grade_choice(golds, text, truncated)
    found = find_answer(text, truncated=truncated)
    if found is None or not found.text.strip():
        return Verdict(False, None, None, _why_no_answer(response, text, truncated))
    return _grade_answer(golds, found, tolerance, unit)


def _why_no_answer(response: str, text: str, truncated: bool) -> str:
    if not text.strip():
        return "no answer: nothing but thinking" if response.strip() else "no answer: empty"
    return "no answer: truncated before one was stated" if truncated else "no answer: none found"


def _grade_choice(golds: list[str], text: str, truncated: bool) -> Verdict:
    chosen = mcq.chosen_letter(as_latex(text), truncated=truncated)
    if chosen is None:
        return Verdict(False, None, None, _why_no_answer(text, text, truncated))
    correct = chosen in [mcq.gold_letter(gold) for gold in golds]
    return Verdict(correct, chosen, chosen, "same letter" if correct else "another letter")


def _grade_answer(golds: list[str], found: Found, tolerance: float | None, unit: str | None) -> Verdict:
    answer, *others = (as_latex(text[:_LONGEST_ANSWER]) for text in (found.text, *found.others))
    for gold in golds:
        expected = gold_answer(gold, unit)
        for candidate in (answer, *others):
            why = _why_equal(expected, candidate, tolerance)
            if why:
                return Verdict(True, found.text, answer_class(answer), f"{why} ({found.how})")
    return Verdict(False, found.text, answer_class(answer), f"another answer ({found.how})")


def _why_equal(gold: str, answer: str, tolerance: float | None) -> str | None:
    """Why the answer equals the gold; None if it does not. A gold such as `(B)` also accepts `B. 12 cm`."""
    why = same_answer(gold, answer, tolerance)
    if why is None and len(gold.strip("$ ").replace("\\text", "")) <= _LONGEST_LETTER:
        letter = mcq.gold_letter(gold)
        if letter and len(letter) == 1 and mcq.leading_letter(answer) == letter:
            return "same letter"
    return why
