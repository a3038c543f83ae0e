"""The result a finished response ends with, where it neither boxes nor states one."""

import re

from evalsuite.grading.parse import parse
from evalsuite.grading.spans import joined_spans, math_spans
from evalsuite.grading.textual import words
from evalsuite.grading.tokens import Unreadable

_NUMBER = re.compile(
    r"(?<![\w.,/^])(?<![\d] )[-+−]?\s?(?:[$€£]\s?)?(?:\d{1,3}(?:,\d{3})+(?![\d])(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?"
    r"(?:\s?/\s?\d+(?:\.\d+)?)?(?:\s?[½¼¾⅓⅔⅛])?(?:\s?(?:%|\\%|percent\b|degrees\b|°))?"
)
_SHORT, _TAIL = 120, 3000
_CONCLUDES = re.compile(r"(?:=|\bis|\bare|\bequals|\bget|\bgives|\bhave|\bto|:)\s*$", re.IGNORECASE)


def closing_result(text: str, found: type):
    """The whole of a short response that is nothing but an answer; else its last mathematics or number."""
    bare = text.strip().strip("*").strip()
    if not bare:
        return None
    if len(bare) <= _SHORT and "\n" not in bare and _nothing_else(bare):
        return found(bare, "whole")
    tail = bare[-_TAIL:]
    spans = math_spans(tail)
    number = _last_number(tail, spans[-1][1] if spans else 0)
    if spans and not number:
        return found(joined_spans(tail, spans[-1][0], forward=False), "last mathematics")
    return found(number, "last number") if number else None


def _nothing_else(text: str) -> bool:
    """Whether a text reads as one answer: mathematics, or at most three words."""
    try:
        node = parse(text)
    except Unreadable:
        return False
    return (
        node[0] not in ("text", "label", "cond") and not _prose(node) or (node[0] == "text" and len(words(text)) <= 3)
    )


def _prose(node) -> bool:
    """Whether words stand where no unit does."""
    if not isinstance(node, tuple) or not node:
        return False
    return (node[0] in ("text", "label") and len(str(node[1])) > 2) or any(
        _prose(part) for part in node if isinstance(part, tuple)
    )


def _last_number(text: str, start: int) -> str | None:
    """The last number after `start`, where mathematics ended; after mathematics only one that concludes something."""
    for match in reversed(list(_NUMBER.finditer(text, start))):
        written = match.group().strip()
        if re.match(r"\s*[).:]\s+\S", text[match.end() : match.end() + 6]) and text[: match.start()].rstrip(" ")[
            -1:
        ] in ("\n", ""):
            continue  # the number of a list item
        if start and not _CONCLUDES.search(text[start : match.start()]):
            return None
        return written
    return None
