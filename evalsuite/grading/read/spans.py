r"""Spans of mathematics in prose: $...$, $$...$$, \(...\), \[...\], and sentences around them."""

import re

_OPEN = re.compile(r"(?<!\\)\$\$|(?<!\\)\$|\\\[|\\\(|\\begin\{(?:align|equation|gather|aligned|eqnarray)\*?\}")
_CLOSE = {
    "$$": re.compile(r"(?<!\\)\$\$"),
    "$": re.compile(r"(?<!\\)\$"),
    "\\[": re.compile(r"\\\]"),
    "\\(": re.compile(r"\\\)"),
}
_END_ENVIRONMENT = re.compile(r"\\end\{(?:align|equation|gather|aligned|eqnarray)\*?\}")
_BETWEEN = re.compile(r"(?:[\s,;&]|\band\b|\bor\b|\\q?quad)*", re.IGNORECASE)
_END = re.compile(r"[.!?](?=\s|$)|\n\s*\n|\n|<\||</")
_ABBREVIATED = re.compile(r"\b(?:[ap]\.?\s?m|sq|approx|vs|e\.g|i\.e)$", re.IGNORECASE)
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
        closing = _CLOSE.get(match.group()) or _END_ENVIRONMENT
        close = closing.search(text, match.end(), match.end() + _LONGEST)
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
    for part in sentences(text):
        return part
    return text


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text, those without a letter or digit left out.

    >>> sentences("So it is 2. Done!\\n- 3.5")
    ['So it is 2', ' Done', '- 3.5']
    """
    spans = math_spans(text)
    found, start = [], 0
    for match in _END.finditer(text):
        if any(one < match.start() < two for one, two in spans):
            continue
        if match.group() == "." and _ABBREVIATED.search(text[max(0, match.start() - 8) : match.start()]):
            continue
        found.append(text[start : match.start()])
        start = match.end()
    return [part for part in (*found, text[start:]) if re.search(r"[A-Za-z0-9]", part)]
