"""The result a finished response ends with, where it neither boxes nor states one."""

import re

from evalsuite.grading.parse import parse
from evalsuite.grading.spans import joined_spans, math_spans, sentences
from evalsuite.grading.textual import words
from evalsuite.grading.tokens import Unreadable
from evalsuite.grading.units import is_unit
from evalsuite.grading.words import FUNCTIONS, GREEK, splits_into_letters

_NUMBER = re.compile(
    r"(?<![\w.,/^])(?<![\d] )[-+−]?\s?(?:[$€£]\s?)?"
    r"(?:\d{1,3}(?:,\d{3})+(?![\d])(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?"
    r"(?:\s?/\s?\d+(?:\.\d+)?|\s\d+/\d+)?(?:\s?[½¼¾⅓⅔⅛])?(?:\s?(?:%|\\%|percent\b|degrees\b|°))?(?![A-Za-z_]*\^)"
)
_ITEM = re.compile(r"^\s*\(?\d{1,2}[.):]\s")
_CONCLUDES = re.compile(
    r"(?:=|:|≈|\b(?:is|are|was|were|be|equals|equal\s+to|get|gets|gives|have|has|obtain|find|exactly|approximately|about|so|thus|hence|therefore|leaving|leaves),?)\s*$",
    re.IGNORECASE,
)
_DENIES = re.compile(r"\b(?:not|never|n't|isn’t)\s*$")
_AFTER_VERB = re.compile(r"\s(?:is|are|equals|be|get|have|find)\s+")
_BARE_WORD = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{3,}(?![A-Za-z])")
_MATHS_WORDS = frozenset(("and", "or", "percent", "pct", "infinity", "union", "mod", "degrees", "pmod"))
_SHORT, _TAIL = 120, 3000


def closing_result(text: str, found: type):
    """The whole of a short response that is nothing but an answer; else what its last sentence ends in."""
    bare = text.strip().strip("*").strip()
    if not bare:
        return None
    if len(bare) <= _SHORT and "\n" not in bare and _nothing_else(bare):
        return found(bare, "whole")
    tail = bare[-_TAIL:]
    for said in reversed(sentences(tail)[-6:]):
        result = _result(said)
        if result:
            return found(*result)
    return None


def _result(said: str) -> tuple[str, str] | None:
    """What a sentence ends in: a number it concludes with, else its last mathematics, else its last number."""
    spans = math_spans(said)
    masked = "".join(
        " " if any(one <= index < two for one, two in spans) else letter for index, letter in enumerate(said)
    )
    numbers = [
        match
        for match in _NUMBER.finditer(masked)
        if not _ITEM.match(masked[match.start() :]) or masked[: match.start()].strip()
    ]
    numbers = [match for match in numbers if not _DENIES.search(masked[: match.start()])]
    concluding = [match for match in numbers if _CONCLUDES.search(masked[: match.start()])]
    if concluding and (not spans or concluding[-1].start() > spans[-1][0]):
        return concluding[-1].group().strip(), "last number"
    if "\\" in masked:  # LaTeX without delimiters: what stands after the last verb
        bare = _AFTER_VERB.split(said)[-1].strip(" .,:")
        if bare and _nothing_else(bare):
            return bare, "last mathematics"
    if spans:
        return joined_spans(said, spans[-1][0], forward=False), "last mathematics"
    return (numbers[-1].group().strip(), "last number") if numbers else None


def only_number(said: str) -> tuple[str, ...]:
    """The number of a sentence that has just one, and no mathematics; none where the sentence is an answer itself.

    >>> only_number("Vera left 3 hours ago"), only_number("12 cm"), only_number("2 of 5 are red today")
    (('3',), (), ())
    """
    if len(re.findall(r"[A-Za-z]{2,}", said)) < 3 or math_spans(said) or "\\" in said:
        return ()
    numbers = [match.group().strip() for match in _NUMBER.finditer(said)]
    return (
        tuple(numbers)
        if len(numbers) == 1 and len(re.findall(r"\d+", numbers[0])) == len(re.findall(r"\d+", said))
        else ()
    )


def _nothing_else(text: str) -> bool:
    """Whether a text reads as one answer: mathematics, or at most three words."""
    try:
        node = parse(text)
    except Unreadable:
        return False
    if re.search(r"\d", text) and any(_is_prose(word) for word in _BARE_WORD.findall(text)):
        return False
    if node[0] == "text":
        return len(words(text)) <= 3
    return node[0] not in ("label", "cond") and not _prose(node)


def _is_prose(word: str) -> bool:
    known = word in FUNCTIONS or word in GREEK or is_unit(word) or word.lower() in _MATHS_WORDS
    return not known and len(word) > 2 and not splits_into_letters(word + "x")


def _prose(node) -> bool:
    """Whether words stand where no unit does."""
    if not isinstance(node, tuple) or not node:
        return False
    if node[0] in ("text", "label") and len(str(node[1])) > 1:
        return True
    return any(_prose(part) for part in node if isinstance(part, tuple))
