"""Two answers as strings: cheap tests first, then as times, dates, words, and trees."""

import functools
import re
from collections.abc import Iterator
from fractions import Fraction

from evalsuite.grading.compare import clock, textual
from evalsuite.grading.compare.canonical import canonical
from evalsuite.grading.compare.expressions import same
from evalsuite.grading.compare.reduce import reduced
from evalsuite.grading.compare.residues import residues, same_residues
from evalsuite.grading.compare.scalars import same_scalar
from evalsuite.grading.read.evaluate import letters
from evalsuite.grading.read.numerals import number_word
from evalsuite.grading.read.parse import parse
from evalsuite.grading.read.phrases import comparison
from evalsuite.grading.read.rewrites import rewritten
from evalsuite.grading.read.surface import plain, undelimited
from evalsuite.grading.read.tokens import Unreadable

Node = tuple
_SPACES = re.compile(r"\\[,;:! ]|\\(?:left|right|displaystyle|qquad|quad)(?![A-Za-z])|[\s$~]+")
_DELIMITERS = re.compile(r"(?<!\\)\\[()\[\]]")
_APART = re.compile(r"(?<=\d)(?:\\[,;: ]|\\q?quad(?![A-Za-z])|[\s~])+(?=\d)")
_STYLES = re.compile(r"\\[dt](?=frac|binom)")
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:/\d+)?")
_AMBIGUOUS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_EDGES = re.compile(r"^(?:\\[,;:! ]|[\s.,;:](?!\d))+|(?:(?<!\\)\\[,;:! ]|(?<!\\)[\s.,;:])+$")
_COMMA = re.compile(r"(-?\d+|-?\d{1,3}(?:\.\d{3})+),(\d{1,2}|\d{4,})")
_SYMBOL = r"[mgsJNKVAWCLlht](?:\^\{?-?\d\}?)?"  # of a unit
_LEADING = re.compile(r"^[\s$]*(?:=|\\approx|\\sim|\\therefore|≈)(?![A-Za-z])\s*")
_SYMBOLS = (
    (re.compile(r"(?:\\[,;: ]|[\s~])*\^\{?\\circ\s?\}?\s?(?:\\(?:text|mathrm)\s?\{\s?)?([CFK])\b\}?"), r"\\text{\1}"),
    (re.compile(r"(?:\\[,;: ]|[\s~])*\\Omega\b"), r"\\text{ohm}"),
    (re.compile(r"(?:\\text\{\s*\}|\s)*\\mu\s?(?:\\(?:text|mathrm)\s?\{\s?)?([msg])\b\}?"), r"\\text{u\1}"),
)
_LETTER_UNIT = re.compile(
    rf"(?<=[\d}})])(?:(?:\s|\\[,;: ]|~)+|(?=[msgh](?![A-Za-z(])))({_SYMBOL}(?:\s*[/*]?\s*{_SYMBOL})*)[\s.$]*$"
)
_LONGEST_TEXT = 400


def same_answer(gold: str, answer: str, tolerance: float | None = None) -> str | None:
    """Why the answer is the gold, in a word or two; None where it is not."""
    if squeezed(gold) == squeezed(answer):
        return "same text"
    numbers = number(gold), number(answer)
    if None not in numbers and not tolerance and numbers[0] == numbers[1]:
        return "same number"
    verdict = _clockwise(gold, answer)
    if verdict is not None:
        return "same time" if verdict else None
    ones, twos = readings(gold), readings(answer)
    if not any(letters(one) for one in ones):
        twos += readings(upright_units(answer))
    if any(same(one, two, tolerance) for one in ones for two in twos):
        return "same value"
    if (r"\lfloor" in gold) != (r"\lfloor" in answer) and "[" in gold + answer:  # Gauss brackets
        return same_answer(_floored(gold), _floored(answer), tolerance)
    if max(len(gold), len(answer)) <= _LONGEST_TEXT:
        return _in_words(gold, answer, ones, twos)
    return None


def _in_words(gold: str, answer: str, ones: tuple[Node, ...], twos: tuple[Node, ...]) -> str | None:
    """Why two short answers say the same, where words carry what they say."""
    gold, answer = plain(gold), plain(answer)
    if _same_number_word(gold, answer):
        return "same number"
    if textual.same_words(gold, answer):
        return "same words"
    if same_comparison(gold, answer, ones, twos):
        return "same comparison"
    return "same residues" if same_residues(gold, answer, (*ones, None)[0], (*twos, None)[0]) else None


def _same_number_word(gold: str, answer: str) -> bool:
    """`seven` and 7, `one third` and 1/3."""
    one, two = number_word(gold), number_word(answer)
    gold, answer = (re.sub(r"(?<=\d),(?=\d{3})", "", text) for text in (gold, answer))
    return (one is not None or two is not None) and (number(gold) if one is None else one) == (
        number(answer) if two is None else two
    )


def same_comparison(gold: str, answer: str, ones: tuple[Node, ...], twos: tuple[Node, ...]) -> bool:
    r"""A sentence that compares its subject with a number, against the same comparison in signs.

    >>> same_comparison("The product is negative.", "ab < 0", (), readings("ab < 0"))
    True
    """
    for said, trees in ((gold, twos), (answer, ones)):
        compared = comparison(textual.words(said)) if textual.wordy(said) else None
        for tree in trees if compared else ():
            tree = reduced(tree)
            if tree[0] == "rel" and len(tree[1]) == 2 and tree[2] == (compared[0],) and not letters(tree[1][1]):
                return same_scalar(("num", compared[1], None), tree[1][1])
    return False


def _clockwise(gold: str, answer: str) -> bool | None:
    """The verdict where both are times or both are dates; None where they are not, or may be ratios as well."""
    if ":" in gold or re.search(r"[ap]\.?\s?m\b", gold, re.IGNORECASE):
        one, two = clock.time_of_day(gold), clock.time_of_day(answer)
        if one and two:
            equal = clock.same_time(one, two)
            return equal if equal or clock.must_be_time(one, gold) or clock.must_be_time(two, answer) else None
    dates = clock.date(gold), clock.date(answer)
    return clock.same_date(*dates) if None not in dates else None


def _floored(text: str) -> str:
    """`[x]` as the whole part of x."""
    return text.replace("[", r"\lfloor ").replace("]", r"\rfloor ")


def squeezed(text: str) -> str:
    r"""A text without spaces, sizes and delimiters: equal ones are the same answer.

    >>> squeezed(r"$\left( 3, \dfrac{1}{2} \right)$.")
    '(3,\\frac{1}{2})'
    """
    text = _APART.sub("#", _DELIMITERS.sub("", text))  # 1 2 is not 12
    return _STYLES.sub(lambda _: "\\", _SPACES.sub("", text)).rstrip(" .,;:")


def number(text: str) -> Fraction | None:
    """A plain number or fraction of numbers.

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


def upright_units(text: str) -> str:
    r"""`5 m/s` with its unit written as one; only for a gold without letters, where they cannot be variables.

    >>> upright_units("5 m/s^2"), upright_units("5k"), upright_units(r"5\,\Omega"), upright_units(r"5^\circ C")
    ('5 \\text{m}/\\text{s}^2', '5k', '5\\text{ohm}', '5\\text{C}')
    """
    for pattern, unit in _SYMBOLS:
        text = pattern.sub(unit, text)
    match = _LETTER_UNIT.search(text)
    if match and any(letters(tree) for tree in readings(text[: match.start()])):
        return text
    return text[: match.start(1)] + re.sub(r"[A-Za-z]", r"\\text{\g<0>}", match.group(1)) if match else text


def decimal_comma(text: str) -> tuple[str, ...]:
    """The other reading of `3,75`, as much of the world writes decimals; none for anything else.

    >>> decimal_comma("3,75"), decimal_comma("1,234"), decimal_comma("1, 2"), decimal_comma("1.234,5")
    (('3.75',), (), (), ('1234.5',))
    """
    match = _COMMA.fullmatch(text.strip(" $"))
    return (f"{match.group(1).replace('.', '')}.{match.group(2)}",) if match else ()


@functools.lru_cache(maxsize=2048)
def readings(text: str) -> tuple[Node, ...]:
    """The trees of an answer: none, one, or two where `1,234` may be a number or a list."""
    dotted = text.replace("...", r"\ldots ")
    return tuple(_readings(rewritten(_LEADING.sub("", _EDGES.sub("", dotted)))))


def _readings(text: str) -> Iterator[Node]:
    for lists in (False, True) if _AMBIGUOUS.search(undelimited(text)) else (False,):
        try:
            yield parse(text, lists=lists)
        except Unreadable:
            continue


def answer_class(text: str) -> str:
    r"""The class of an answer: equal strings are the same answer as `verify` sees it, as far as a string can say.

    >>> answer_class(r"\frac{1}{5}"), answer_class("0.2 cm"), answer_class(r"\text{The Odd}"), answer_class("4:30 PM")
    ('0.2', '0.2', 'odd', '04:30:00p')
    """
    moment = clock.time_of_day(text)
    if moment and (moment[3] or clock.must_be_time(moment, text)):
        return "{:02d}:{:02d}:{:02d}{}".format(*moment)
    day = clock.date(text)
    if day:
        return "{:02d}-{:02d}-{}".format(*day)
    short = plain(text[:_LONGEST_TEXT])
    trees = readings(upright_units(text)) or readings(text)
    classes = residues(short, trees[0] if trees else None)
    if classes and classes[1]:
        return f"mod {classes[0][0]}: {sorted(classes[0][1])}"
    worded = textual.wordy(short) and not any(letter.isdigit() for letter in short)
    if not trees or (worded and trees[0][0] in ("text", "mul", "label", "unit", "add")):
        return _words_class(short)
    return canonical(trees[0])


def _words_class(short: str) -> str:
    """Words in small letters; what means the same is one class; a small number in words is the number."""
    named = number_word(short)
    return str(named) if named is not None else textual.meaning(short) or squeezed(short)
