"""Decide one completion: remove thinking, extract the answer, compare it with the gold."""

import re
from fractions import Fraction

from evalsuite.grading.boxes import boxes
from evalsuite.grading.thinking import visible
from evalsuite.grading.verdict import Verdict


def verify(
    gold: str | list[str],
    response: str,
    kind: str,
    *,
    finish_reason: str | None = None,
    tolerance: float | None = None,
    unit: str | None = None,
) -> Verdict:
    """Does `response` give the answer `gold` (or one of them)? `kind` is latex, expr or mcq."""
    text = visible(response)
    found = boxes(text)
    statement = re.search(r"(?i:.*answer\s*(?:is)?\s*:?\s*)(\S+)", text)
    if found:
        extracted = found[-1][2]
    elif statement:
        extracted = statement.group(1).rstrip(".")
    else:
        return Verdict(False, None, None, "no answer found")
    klass = _plain(extracted)
    golds = [gold] if isinstance(gold, str) else gold
    correct = any(_plain(one) == klass for one in golds)
    return Verdict(correct, extracted, klass, "same" if correct else "different")


def _plain(text: str) -> str:
    text = re.sub(r"[\s$]|\\[,;! ]|\\(?:text|mathrm)(?=\{)", "", text)
    try:
        return str(Fraction(text))
    except (ValueError, ZeroDivisionError):
        return text
