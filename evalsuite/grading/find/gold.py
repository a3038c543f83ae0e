"""What a gold answer says: it may be bare, between dollars, boxed at the end of a solution, or several boxes."""

import functools
import re

from evalsuite.grading.find.extract import Found, find_answer
from evalsuite.grading.read.boxes import boxes
from evalsuite.grading.read.spans import math_spans
from evalsuite.grading.read.surface import plain

_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}")
_MANY_WORDS = 30
_UNITS = {
    "%": r"\%",
    r"\%": r"\%",
    "^{\\circ}": r"^{\circ}",
    "^\\circ": r"^{\circ}",
    "°": r"^{\circ}",
    "degrees": r"^{\circ}",
}


@functools.lru_cache(maxsize=4096)
def gold_answers(gold: str, unit: str | None = None) -> tuple[str, ...]:
    r"""The readings of a gold: all its neighbouring boxes as a list, else its last box, else what it states.

    >>> gold_answers(r"Thus $x = \boxed{4}$."), gold_answers("$12$", "cm"), gold_answers(r"\boxed{1}, \boxed{2}")
    (('4',), ('$12$\\text{ cm}',), ('1, 2',))
    """
    text = plain(gold)
    found = find_answer(text) if boxes(text) else _stated(text)
    answer = (found.others[0] if found.others and found.how == "box" else found.text) if found else text.strip()
    if unit and unit.strip():
        answer += _UNITS.get(unit.strip(), "\\text{ " + unit.strip().strip("$") + "}")
    return (answer,)


def _stated(text: str) -> Found | None:
    """A whole solution without a box: what it states at its end."""
    prose = len(_WORD.findall(text)) >= _MANY_WORDS
    return find_answer(text) if prose or (math_spans(text) and "answer is" in text) else None
