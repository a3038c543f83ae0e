"""The result at the end of a finished response that neither boxes nor states its answer."""

import re

from evalsuite.grading.compare.textual import words
from evalsuite.grading.read.delimiters import adjacent_spans, math_spans, sentences
from evalsuite.grading.read.number_words import number_word
from evalsuite.grading.read.parse import parse
from evalsuite.grading.read.tokens import Unreadable
from evalsuite.grading.read.units import MULTIPLIERS, is_unit
from evalsuite.grading.read.vocabulary import FUNCTIONS, GREEK, splits_into_letters

_NUMBER = re.compile(
    r"(?<![\w.,/^])(?<![\d] )(?:[-+−]|negative\b)?\s?(?:[$€£]\s?)?"
    r"(?:\d{1,3}(?:,\d{3})+(?![\d])(?:\.\d+)?|\d{1,3}(?: \d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?"
    r"(?:\s?/\s?\d+(?:\.\d+)?|\s\d+/\d+)?(?:\s?[½¼¾⅓⅔⅛])?(?:\s?(?:%|\\%|percent\b|degrees\b|°))?(?![A-Za-z_]*\^)"
)
_CONCLUDES = re.compile(  # words and signs before a result
    r"(?:=|:|≈|\b(?:is|are|was|were|be|equals|equal\s+to|get|gets|gives|have|has|obtain|find|exactly|approximately|about|so|thus|hence|therefore|leaving|leaves),?)\s*$",
    re.IGNORECASE,
)
_DENIES = re.compile(r"\b(?:not|never|cannot|n't|n’t)(?:\s+be)?\s*$|\bbetween\s+(?:\S+\s+and\s+)?$", re.IGNORECASE)
_DANGLING = re.compile(  # ends of a sentence that is not complete
    r"(?:[=+*/<>(,:]|\b(?:is|are|was|be|equals|the|an?|of|to|and|or|but|that|which|because|since|so|we|with|for|from|by|then|if|let"
    r"|where|have|get))\s*$",
    re.IGNORECASE,
)
_AFTER_VERB = re.compile(
    r"\s(?:(?:is|are|equals|be|gets?|have|has|takes|costs|makes|leaves|gives|yields|find|becomes|(?:simplifies|reduces|evaluates|comes)\s+to)"
    r"(?:\s+(?:at|in|on|exactly|about|approximately|just))?)\s+"
)
_ASIDE = re.compile(r"(?<=\w)\s+\((?=[^()]*[A-Za-z]{3})[^()]*\)\s*$")
_EXPONENT = re.compile(r"\$\s*\^\s*[{\d\\]")  # the exponent in cm$^2$
_AGREES = re.compile(r"[\s*]*(yes|no)\b(?=[*]*[,.;:]|[*\s]*$)", re.IGNORECASE)
_BARE_WORD = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{3,}(?![A-Za-z])")
_MATHS_WORDS = frozenset(("and", "or", "percent", "pct", "infinity", "union", "mod", "degrees", "pmod", *MULTIPLIERS))
_SHORT, _TAIL = 120, 3000  # characters of a response that may be one answer, and of the end that is searched


def closing_result(text: str) -> tuple[str, str] | None:
    """(answer, where it was found): a short response that is nothing but an answer, or what its last sentence ends in.

    A response that breaks off in the middle of a sentence has no result.

    >>> closing_result("x = 5"), closing_result("There are 3 boys, so 5 girls."), closing_result("We get 5, which is")
    (('x = 5', 'whole'), ('5', 'last number'), None)
    """
    bare = text.strip().strip("*").strip()
    if not bare or _DANGLING.search(bare[-20:]):
        return None
    if len(bare) <= _SHORT and "\n" not in bare and _is_one_answer(bare):
        return bare, "whole"
    said = sentences(bare[-_TAIL:])[-6:]
    return next(filter(None, map(_result, reversed(said))), None) or (_last_words(said[-1]) if said else None)


def _result(said: str) -> tuple[str, str] | None:
    """The result of a sentence: the number it concludes with, or its last mathematics, or its last number."""
    said = _ASIDE.sub("", said)
    spans = [span for span in math_spans(said) if not _EXPONENT.match(said[span[0] : span[1]])]
    masked = "".join(
        " " if any(one <= index < two for one, two in spans) else letter for index, letter in enumerate(said)
    )
    numbers = [match for match in _NUMBER.finditer(masked) if not _DENIES.search(masked[: match.start()])]
    told = _AFTER_VERB.split(said)[-1]
    bare = re.sub(r"(?<![A-Za-z\d])\*+|\*+(?![A-Za-z\d])", "", told).strip(" .,:")
    denied = _DENIES.search(said.removesuffix(told))
    if not spans and not denied and re.search(r"[\d=+/^\\√π∞]", bare) and _is_one_answer(bare):
        return bare, "last mathematics"  # mathematics without delimiters, after the last verb
    concluding = [match for match in numbers if _CONCLUDES.search(masked[: match.start()])]
    if concluding and (not spans or concluding[-1].start() > spans[-1][0]):
        return concluding[-1].group().strip(), "last number"
    meant = [span for span in spans if not _DENIES.search(said[: span[0]])]
    if meant:
        return adjacent_spans(said, meant[-1][0], forward=False), "last mathematics"
    return (numbers[-1].group().strip(), "last number") if numbers else None


def _last_words(said: str) -> tuple[str, str] | None:
    """The answer of a sentence in words: `No, there is none` says no; else up to three words after its only verb."""
    agrees = _AGREES.match(said)
    if agrees:
        return agrees.group(1), "yes or no"
    told = _AFTER_VERB.split(said)
    if _DENIES.search(said.removesuffix(told[-1])):
        return None
    if number_word(told[-1]) is not None:
        return told[-1].strip(), "last number"
    named = words(told[-1]) if len(told) == 2 else []
    return (" ".join(named), "last words") if 0 < len(named) <= 3 and len(named[0]) > 1 else None


def _is_one_answer(text: str) -> bool:
    """Whether a text as a whole reads as one answer: mathematics, or at most three words."""
    try:
        node = parse(text)
    except Unreadable:
        return False
    if re.search(r"\d", text) and any(_is_prose(word) for word in _BARE_WORD.findall(text)):
        return False
    if node[0] == "text":
        return len(words(text)) <= 3
    return node[0] not in ("label", "cond") and not _has_words(node)


def _is_prose(word: str) -> bool:
    known = word in FUNCTIONS or word in GREEK or is_unit(word) or word.lower() in _MATHS_WORDS
    return not known and len(word) > 2 and not splits_into_letters(word + "x")


def _has_words(node: tuple) -> bool:
    """Whether a tree contains words that are not units."""
    if not isinstance(node, tuple) or not node:
        return False
    if node[0] in ("text", "label") and len(str(node[1])) > 1:
        return True
    return any(_has_words(part) for part in node if isinstance(part, tuple))
