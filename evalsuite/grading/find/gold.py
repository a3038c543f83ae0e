"""Read a gold answer: it may be bare, between dollar signs, in one or several boxes, or at the end of a solution."""

import functools
import re

from evalsuite.grading.find.extract import Found, find_answer
from evalsuite.grading.read.delimiters import boxes, math_spans
from evalsuite.grading.read.normalize import as_latex

_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}")
_MANY_WORDS = 30  # a gold with at least this many words is a whole solution
_UNITS = {
    "%": r"\%",
    r"\%": r"\%",
    "^{\\circ}": r"^{\circ}",
    "^\\circ": r"^{\circ}",
    "°": r"^{\circ}",
}


@functools.lru_cache(maxsize=4096)
def gold_answer(gold: str, unit: str | None = None) -> str:
    r"""The answer that a gold gives: its neighbouring boxes as a list, or its last box, or what it states.

    `unit` is added to the answer.

    >>> gold_answer(r"Thus $x = \boxed{4}$."), gold_answer("$12$", "cm"), gold_answer(r"\boxed{1}, \boxed{2}")
    ('4', '$12$\\text{ cm}', '1, 2')
    """
    text = as_latex(gold)
    found = find_answer(text) if boxes(text) else _stated(text)
    answer = (found.others[0] if found.others and found.how == "box" else found.text) if found else text.strip()
    if unit and unit.strip():
        answer += _UNITS.get(unit.strip(), "\\text{ " + unit.strip().strip("$") + "}")
    return answer


def _stated(text: str) -> Found | None:
    """What a gold states at its end if it is a whole solution without a box."""
    prose = len(_WORD.findall(text)) >= _MANY_WORDS
    return find_answer(text) if prose or (math_spans(text) and "answer is" in text) else None
