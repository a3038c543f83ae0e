"""Compare two answers as strings: first with cheap tests, then as times, dates, trees and words."""

import functools
import re
from collections.abc import Iterator
from fractions import Fraction

from evalsuite.grading.compare import textual, times
from evalsuite.grading.compare.canonical import canonical
from evalsuite.grading.compare.expressions import same
from evalsuite.grading.read.evaluate import letters
from evalsuite.grading.read.normalize import as_latex, rewrite_phrases, without_delimiters
from evalsuite.grading.read.number_words import number_word
from evalsuite.grading.read.parse import parse
from evalsuite.grading.read.tokens import Unreadable

Node = tuple
_SPACES = re.compile(r"\\[,;:! ]|\\(?:left|right|displaystyle|qquad|quad)(?![A-Za-z])|[\s$~]+")
_DELIMITERS = re.compile(r"(?<!\\)\\[()\[\]]")
_APART = re.compile(r"(?<=\d)(?:\\[,;: ]|\\q?quad(?![A-Za-z])|[\s~])+(?=\d)")
_STYLES = re.compile(r"\\[dt](?=frac|binom)")
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:/\d+)?")
_AMBIGUOUS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_UNIT_SYMBOL = r"[mgsJNKVAWCLlht](?:\^\{?-?\d\}?)?"
_LEADING = re.compile(r"^[\s$]*(?:=|\\approx|\\sim|\\therefore|≈)(?![A-Za-z])\s*")
_SYMBOLS = (
    (re.compile(r"(?:\\[,;: ]|[\s~])*\^\{?\\circ\s?\}?\s?(?:\\(?:text|mathrm)\s?\{\s?)?([CFK])\b\}?"), r"\\text{\1}"),
    (re.compile(r"(?:\\text\{\s*\}|\s)*\\mu\s?(?:\\(?:text|mathrm)\s?\{\s?)?([msg])\b\}?"), r"\\text{u\1}"),
)
_LETTER_UNIT = re.compile(
    rf"(?<=[\d}})])(?:(?:\s|\\[,;: ]|~)+|(?=[msgh](?![A-Za-z(])))({_UNIT_SYMBOL}(?:\s*[/*]?\s*{_UNIT_SYMBOL})*)[\s.$]*$"
)
_LONGEST_TEXT = 400


def same_answer(gold: str, answer: str, tolerance: float | None = None) -> str | None:
    """Why the answer is the gold, in two words; None if it is not.

    `tolerance` is relative to the gold.
    """
    if without_spacing(gold) == without_spacing(answer):
        return "same text"
    numbers = number(gold), number(answer)
    if None not in numbers and not tolerance and numbers[0] == numbers[1]:
        return "same number"
    verdict = _same_moment(gold, answer)
    if verdict is not None:
        return "same time" if verdict else None
    ones, twos = readings(gold), readings(answer)
    if not any(letters(one) for one in ones):
        twos += readings(units_as_text(answer))
    if any(same(one, two, tolerance) for one in ones for two in twos):
        return "same value"
    if max(len(gold), len(answer)) <= _LONGEST_TEXT:
        return _same_in_words(gold, answer)
    return None


def _same_in_words(gold: str, answer: str) -> str | None:
    """Why two short answers in words say the same; None if they do not."""
    gold, answer = as_latex(gold), as_latex(answer)
    if _same_number_word(gold, answer):
        return "same number"
    return "same words" if textual.same_words(gold, answer) else None


def _same_number_word(gold: str, answer: str) -> bool:
    """Whether one answer is a number in words and the other is the same number: `seven` and 7."""
    one, two = number_word(gold), number_word(answer)
    gold, answer = (re.sub(r"(?<=\d),(?=\d{3})", "", text) for text in (gold, answer))
    return (one is not None or two is not None) and (number(gold) if one is None else one) == (
        number(answer) if two is None else two
    )


def _same_moment(gold: str, answer: str) -> bool | None:
    """Whether two times or two dates are equal; None if the answers are neither, or may also be ratios."""
    if ":" in gold or re.search(r"[ap]\.?\s?m\b", gold, re.IGNORECASE):
        one, two = times.time_of_day(gold), times.time_of_day(answer)
        if one and two:
            equal = times.same_time(one, two)
            return equal if equal or times.must_be_time(one, gold) or times.must_be_time(two, answer) else None
    dates = times.date(gold), times.date(answer)
    return times.same_date(*dates) if None not in dates else None


def without_spacing(text: str) -> str:
    r"""The text without spaces, sizes and delimiters. Answers that are equal after this are the same.

    >>> without_spacing(r"$\left( 3, \dfrac{1}{2} \right)$.")
    '(3,\\frac{1}{2})'
    """
    text = _APART.sub("#", _DELIMITERS.sub("", text))  # `1 2` must not become 12
    return _STYLES.sub(lambda _: "\\", _SPACES.sub("", text)).rstrip(" .,;:")


def number(text: str) -> Fraction | None:
    """The value of a plain number or a fraction of two; None for anything else.

    >>> number(" 1.50 "), number("3/6"), number("x")
    (Fraction(3, 2), Fraction(1, 2), None)
    """
    bare = text.strip(" $").rstrip(".")
    if len(bare) > 40 or not _NUMBER.fullmatch(bare):
        return None
    try:
        above, _, below = bare.partition("/")
        return Fraction(above) / int(below or 1)
    except ZeroDivisionError:
        return None


def units_as_text(text: str) -> str:
    r"""The text with unit symbols such as those in `5 m/s` marked as text. Use it only if they cannot be variables,
    because the gold has no letters.

    >>> units_as_text("5 m/s^2"), units_as_text("5k"), units_as_text(r"5^\circ C")
    ('5 \\text{m}/\\text{s}^2', '5k', '5\\text{C}')
    """
    for pattern, unit in _SYMBOLS:
        text = pattern.sub(unit, text)
    match = _LETTER_UNIT.search(text)
    if match and any(letters(tree) for tree in readings(text[: match.start()])):
        return text
    return text[: match.start(1)] + re.sub(r"[A-Za-z]", r"\\text{\g<0>}", match.group(1)) if match else text


@functools.lru_cache(maxsize=2048)
def readings(text: str) -> tuple[Node, ...]:
    """The trees of an answer: none if it cannot be parsed, two if `1,234` may be a number or a list, else one."""
    dotted = text.replace("...", r"\ldots ")
    return tuple(_readings(rewrite_phrases(_LEADING.sub("", dotted))))


def _readings(text: str) -> Iterator[Node]:
    for lists in (False, True) if _AMBIGUOUS.search(without_delimiters(text)) else (False,):
        try:
            yield parse(text, lists=lists)
        except Unreadable:
            continue


def answer_class(text: str) -> str:
    r"""The class of an answer. Answers that `verify` holds equal have equal classes, as far as a string can express it.

    >>> answer_class(r"\frac{1}{5}"), answer_class("0.2 cm"), answer_class(r"\text{The Odd}"), answer_class("4:30 PM")
    ('0.2', '0.2', 'odd', '04:30:00p')
    """
    moment = times.time_of_day(text)
    if moment and (moment[3] or times.must_be_time(moment, text)):
        return "{:02d}:{:02d}:{:02d}{}".format(*moment)
    day = times.date(text)
    if day:
        return "{:02d}-{:02d}-{}".format(*day)
    short = as_latex(text[:_LONGEST_TEXT])
    trees = readings(units_as_text(text)) or readings(text)
    worded = textual.is_in_words(short) and not any(letter.isdigit() for letter in short)
    if not trees or (worded and trees[0][0] in ("text", "mul", "label", "unit", "add")):
        return _words_class(short)
    return canonical(trees[0])


def _words_class(short: str) -> str:
    """The class of an answer in words: the number that they name, or their meaning in lower case."""
    named = number_word(short)
    return str(named) if named is not None else textual.meaning(short) or without_spacing(short)
