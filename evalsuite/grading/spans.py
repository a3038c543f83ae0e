r"""Spans of mathematics in prose: $...$, $$...$$, \(...\), \[...\], and sentences around them."""

import re

_OPEN = re.compile(r"(?<!\\)\$\$|(?<!\\)\$|\\\[|\\\(")
_CLOSE = {
    "$$": re.compile(r"(?<!\\)\$\$"),
    "$": re.compile(r"(?<!\\)\$"),
    "\\[": re.compile(r"\\\]"),
    "\\(": re.compile(r"\\\)"),
}
_BETWEEN = re.compile(r"(?:[\s,;&]|\band\b|\bor\b|\\q?quad)*", re.IGNORECASE)
_END = re.compile(r"[.!?](?=\s|$)|\n\s*\n|\n|<\||</")
_MONEY = re.compile(r"\d[\d,]*(?:\.\d+)?(?=[\s.,;!?)]|$)")
_LONGEST = 2000

Span = tuple[int, int]


def math_spans(text: str) -> list[Span]:
    r"""(start, end) of every closed span, in order; a dollar sign before a price opens none.

    >>> math_spans(r"so $x$ or \(y\)"), math_spans("it costs $5 or $6.")
    ([(3, 6), (10, 15)], [])
    """
    found: list[Span] = []
    position = 0
    while (match := _OPEN.search(text, position)) is not None:
        close = _CLOSE[match.group()].search(text, match.end(), match.end() + _LONGEST)
        price = match.group() == "$" and _MONEY.match(text, match.end())
        if (
            close is None
            or not text[match.end() : close.start()].strip()
            or (price and _prose(text[price.end() : close.start()]))
        ):
            position = match.end()
            continue
        found.append((match.start(), close.end()))
        position = close.end()
    return found


def _prose(text: str) -> bool:
    return re.search(r"[A-Za-z]{2,}[ ,.]+[A-Za-z]*|^\s*[A-Za-z]+\s*$", text) is not None and "\\" not in text


def joined_spans(text: str, start: int, forward: bool) -> str:
    """The span that starts at `start` with its neighbours that only commas, `and` or `or` keep apart."""
    spans = math_spans(text)
    index = next(number for number, span in enumerate(spans) if span[0] == start)
    first = last = index
    if forward:
        while last + 1 < len(spans) and _linked(text, spans[last], spans[last + 1]):
            last += 1
    else:
        while first > 0 and _linked(text, spans[first - 1], spans[first]):
            first -= 1
    return text[spans[first][0] : spans[last][1]] + _unit_after(text, spans[last][1])


def _linked(text: str, one: Span, two: Span) -> bool:
    gap = text[one[1] : two[0]]
    return len(gap) < 40 and "\n\n" not in gap and bool(gap.strip()) and _BETWEEN.fullmatch(gap) is not None


def _unit_after(text: str, end: int) -> str:
    """A percent sign or unit symbol right after mathematics belongs to it."""
    match = re.match(r"\s?(?:%|\\%|percent\b|degrees?\b|°)", text[end : end + 12])
    return match.group() if match else ""


def sentence(text: str) -> str:
    """Up to the first end of a sentence or line that does not fall into mathematics.

    >>> sentence("It is $1. 5$ or 2.5. No more."), sentence("4:30 p.m. sharp")
    ('It is $1. 5$ or 2.5', '4:30 p.m. sharp')
    """
    spans = math_spans(text)
    for match in _END.finditer(text):
        if any(one < match.start() < two for one, two in spans):
            continue
        if match.group() == "." and re.search(
            r"\b(?:[ap]\.?\s?m|sq|approx|vs|e\.g|i\.e)$", text[: match.start()], re.IGNORECASE
        ):
            continue
        if text[: match.start()].strip():
            return text[: match.start()]
    return text
