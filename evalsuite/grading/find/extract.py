r"""Find the answer: in an <answer> element, in the last box, after words such as "the answer is", or at the end.

The first rule that applies wins. If the response was truncated, only a complete and explicit answer counts: an
element, a closed box, or a stated answer that is followed by more text.
"""

import re
from dataclasses import dataclass

from evalsuite.grading.find.closing import closing_result
from evalsuite.grading.read.delimiters import adjacent_spans, boxes, math_spans, sentence

_ELEMENT = re.compile(r"<\s*(answer|final_answer|final)\s*>(.*?)(?:<\s*/\s*\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_BETWEEN_BOXES = re.compile(  # separators, and names such as `x =`
    r"(?:[\s$,;&.]|\\[,;!()\[\]\\ ]|\\q?quad|\\(?:text|mbox|mathrm)\{\s*(?:and|or|,)\s*\}|and\b|or\b"
    r"|(?:\\text\{)?[A-Za-z](?:_\{?\w{1,5}\}?)?\}?\s*=)*"
)
_ENUMERATES = re.compile(  # `for (a) and`, but no word that takes the box before it back
    r"(?!.*\b(?:no|not|then|wait|wrong|instead|actually|rather|but)\b)[^.!?\n]*(?:,|\band\b)[^.!?\n]*"
)
_EQUALS_BEFORE = re.compile(r"[=≈][\s&$]*(?:\\\(|\\\[)?\s*$")
_NAME_BEFORE = re.compile(r"(?<![\w\\^{}+*/-])([A-Za-z](?:_\{?\w{1,5}\}?)?)\s*=\s*\$?\s*$")
_STATED = re.compile(  # `the answer to the second question is`, `Answer:`, `####`, `A:`
    r"(?:^|(?<=[\s*_>$(\[]))ans(?:wers?)?(?:\s+(?:choice|option|letter))?(?:\s+(?:to|for|of|here)\b[^.\n:=]{0,80}?)?[\s*_]{0,8}"
    r"(?:\bis\b|\bare\b|\bwould\s+be\b|\bshould\s+be\b|\bmust\s+be\b|\bequals\b|:|=|(?=\$))"
    r"(?!\s*(?:not|wrong|incorrect|unclear|unknown)\b)|####|(?:^|\n)[\s*]{0,8}A\s{0,3}:",
    re.IGNORECASE,
)
_HEADING = re.compile(r"(?:^|\n)[#*\s]{0,8}(?:final\s+answer|answer)[*:\s]{0,8}\n+", re.IGNORECASE)
_ABOUT = re.compile(r"(?:about|approximately|roughly|exactly|simply|just|therefore|thus|then)\b[,:]?\s*", re.IGNORECASE)
_REMARK = re.compile(  # `(since 7 is too small)`, `because ...`, `, not 7`
    r"(?<=[\w}$%)])(?:\s+\((?=[^()]*[A-Za-z]{3})[^()]*\)|,?\s+(?:because|since)\b.*|,\s+(?:not|rather\s+than)\b.*)"
    r"\s*$",
    re.DOTALL,
)
_MOST_STATED = 600  # characters of a stated answer
_END = 100_000  # characters from the end in which a stated answer is looked for


@dataclass(frozen=True)
class Found:
    """An answer as written in the response, and how it was found.

    `others` are further readings that may be meant instead: several boxes in a row as one list.
    """

    text: str
    how: str
    others: tuple[str, ...] = ()


def find_answer(text: str, *, truncated: bool = False) -> Found | None:
    r"""The answer in a response whose thinking has been removed, or None.

    >>> find_answer(r"First \boxed{1}, no: \boxed{2}.")
    Found(text='2', how='box', others=())
    >>> find_answer("It is 5. The answer is 7."), find_answer("so 12", truncated=True)
    (Found(text='7', how='stated', others=()), None)
    """
    explicit = _element(text, truncated) or _box(text) or _stated(text, truncated)
    return explicit if explicit or truncated else _closing(text)


def _closing(text: str) -> Found | None:
    result = closing_result(text)
    return Found(*result) if result else None


def _element(text: str, truncated: bool) -> Found | None:
    """The last <answer> element that holds something; of a long one, the answer in its text."""
    for match in reversed(list(_ELEMENT.finditer(text))):
        content = match.group(2).strip()
        closed = match.group().rstrip().endswith(">") and match.end(2) < match.end()
        if not content or (truncated and not closed) or (not closed and match.group(1).lower() == "final"):
            continue
        inner = _box(content)
        if inner or len(content) < 100:
            return inner or Found(content, "element")
        return _stated(content, truncated) or _closing(content) or Found(content, "element")
    return None


def _box(text: str) -> Found | None:
    """The last box that is not empty. Boxes before it that are separated only by a comma, `and`, or a name and an
    equals sign form a list with it, which is offered as another reading."""
    found = [box for box in boxes(text) if box[2].strip(" $~{}\\,")]
    if not found:
        return None
    chain = [found[-1]]
    for before in reversed(found[:-1]):
        gap = text[before[1] : chain[0][0]]
        beside = len(gap) <= 60 and (_BETWEEN_BOXES.fullmatch(gap) or _ENUMERATES.fullmatch(gap))
        if not beside and not all(
            _EQUALS_BEFORE.search(text[max(0, start - 30) : start]) for start in (before[0], chain[0][0])
        ):
            break
        chain.insert(0, before)
    contents = list(dict.fromkeys(_named(text, box) for box in chain))
    last = found[-1][2]
    nested = boxes(last)
    last = nested[-1][2] if nested and nested[-1][2].strip() else last
    return Found(last.strip(), "box", (", ".join(contents),) if len(contents) > 1 else ())


def _named(text: str, box: tuple[int, int, str]) -> str:
    """The content of a box, with the letter before it in `x = \\boxed{2}`."""
    name = _NAME_BEFORE.search(text[max(0, box[0] - 30) : box[0]])
    return f"{name.group(1)} = {box[2].strip()}" if name and "=" not in box[2] else box[2].strip()


def _stated(text: str, truncated: bool) -> Found | None:
    """The answer after the last `answer is`, `Answer:`, `####` or `A:`, or under a heading."""
    text = text[-_END:]
    for match in reversed(list(_STATED.finditer(text))[-20:]):
        after = text[match.end() : match.end() + _MOST_STATED]
        stated = statement(after)
        if stated and not (truncated and _unfinished(text, match.end())):
            return Found(stated, "stated")
    heading = list(_HEADING.finditer(text))
    if heading and not truncated:
        stated = statement(text[heading[-1].end() : heading[-1].end() + _MOST_STATED])
        return Found(stated, "stated") if stated else None
    return None


def _unfinished(text: str, start: int) -> bool:
    """Whether a truncated response may end within the answer that starts at `start`."""
    rest = text[start:].lstrip(" *:$\n")
    return "\n" not in rest.rstrip(" ") and not re.search(r"[.!?](?:\s|$)", rest)


def statement(after: str) -> str | None:
    r"""The answer at the beginning of the text that follows `the answer is`.

    >>> statement(" $x = 5$. That was easy."), statement(": **12 cm**\nSure: 1"), statement(" that the area is 7.")
    ('$x = 5$', '12 cm', '7')
    """
    after = _ABOUT.sub("", after.lstrip(" :*\n\t"), count=1) if _ABOUT.match(after.lstrip(" :*\n\t")) else after
    after = after.lstrip(" :*\n\t").replace("**", "").strip()
    if not after:
        return None
    spans = math_spans(after)
    if spans and not after[: spans[0][0]].strip(" ,:(*_\n"):
        return adjacent_spans(after, spans[0][0], forward=True)
    first = _REMARK.sub("", sentence(after))
    told = re.split(r"\s(?:is|are|equals|equal to|was|be)\s+(?!the\b|a\b|an\b|that\b|not\b)|\s=\s", first)
    if (
        len(told) > 1
        and len(first.split()) > 4
        and first[0].isalpha()
        and "$" not in told[-1].replace("$", "", told[-1].count("$") // 2 * 2)
    ):
        first = told[-1]
    first = first.strip(" \t\n*_`\"'").rstrip(".,;:!")
    return first or None
