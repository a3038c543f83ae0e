"""Decide one completion: remove thinking, find the answer, compare it with the gold."""

from dataclasses import dataclass

from evalsuite.grading.compare.answers import answer_class, decimal_comma, same_answer
from evalsuite.grading.find import mcq
from evalsuite.grading.find.extract import Found, find_answer
from evalsuite.grading.find.gold import gold_answers
from evalsuite.grading.find.thinking import visible
from evalsuite.grading.read.boxes import open_box
from evalsuite.grading.read.surface import plain


@dataclass(frozen=True)
class Verdict:
    """The outcome of one comparison.

    `extracted` is the answer found in the response (None: there is no answer). `answer_class` is its canonical form:
    completions with equal strings gave the same answer, which is what maj@k votes over. `reason` says in a few words
    why the verdict came out so.
    """

    correct: bool
    extracted: str | None
    answer_class: str | None
    reason: str


KINDS = ("latex", "expr", "mcq")
_LONGEST_ANSWER = 20_000
_LONGEST_TEXT = 2_000_000  # an answer stands at the end


def verify(
    gold: str | list[str],
    response: str,
    kind: str,
    *,
    finish_reason: str | None = None,
    tolerance: float | None = None,
    unit: str | None = None,
) -> Verdict:
    r"""Does `response` give the answer `gold` (or one of several)?

    `kind` is latex, expr or mcq; `finish_reason` "length" says that the response was cut off; `tolerance` is relative
    to the gold; `unit` is the gold's where the gold does not write it. Pure, without a time bound of its own: see
    evalsuite.bounded. Raises ValueError for an unknown kind.

    >>> verify(r"\frac{1}{5}", r"So the result is \boxed{0.2}.", "latex").correct
    True
    >>> verify("7", "The number 7 was", "expr", finish_reason="length")
    Verdict(correct=False, extracted=None, answer_class=None, reason='no answer: cut off before one was stated')
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; known: {', '.join(KINDS)}")
    golds = [gold] if isinstance(gold, str) else list(gold)
    text = visible(response)[-_LONGEST_TEXT:]
    cut = finish_reason == "length" or open_box(text)
    if kind == "mcq":
        return _choice(golds, text, cut)
    found = find_answer(text, cut=cut)
    if found is None or not found.text.strip():
        return Verdict(False, None, None, _why_none(response, text, cut))
    return _compared(golds, found, tolerance, unit)


def _why_none(response: str, text: str, cut: bool) -> str:
    if not text.strip():
        return "no answer: nothing but thinking" if response.strip() else "no answer: empty"
    return "no answer: cut off before one was stated" if cut else "no answer: none found"


def _choice(golds: list[str], text: str, cut: bool) -> Verdict:
    chosen = mcq.chosen_letter(plain(text), cut=cut)
    if chosen is None:
        return Verdict(False, None, None, _why_none(text, text, cut))
    wanted = [mcq.gold_letter(one) for one in golds]
    correct = chosen in wanted
    return Verdict(correct, chosen, chosen, "same letter" if correct else "another letter")


def _compared(golds: list[str], found: Found, tolerance: float | None, unit: str | None) -> Verdict:
    answer = plain(found.text[:_LONGEST_ANSWER])
    for one in golds:
        for wanted in gold_answers(one, unit):
            said = (answer, *(plain(other[:_LONGEST_ANSWER]) for other in found.others), *decimal_comma(answer))
            why = next((why for one_said in said if (why := _equal(wanted, one_said, tolerance))), None)
            if why:
                return Verdict(True, found.text, answer_class(answer), f"{why} ({found.how})")
    return Verdict(False, found.text, answer_class(answer), f"another answer ({found.how})")


def _equal(gold: str, answer: str, tolerance: float | None) -> str | None:
    choice = mcq.lettered(gold)
    if choice:  # `(B) 7`: the letter, or what it stands for
        letter = mcq.leading_letter(answer)
        if letter:
            return "same letter" if letter == choice[0] else None
        return same_answer(choice[1], answer, tolerance)
    why = same_answer(gold, answer, tolerance)
    if why is None and len(gold) < 30:
        letter = mcq.gold_letter(gold)
        if (
            letter
            and len(letter) == 1
            and mcq.leading_letter(answer) == letter
            and len(gold.strip("$ ").replace("\\text", "")) <= 5
        ):
            return "same letter"
    return why
