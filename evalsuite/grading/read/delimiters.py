r"""Find \boxed{...}, mathematics between delimiters, and sentences. Every search takes linear time."""

import re

_BOX = re.compile(r"\\+(?:boxed|fbox|framebox)(?![A-Za-z])\s*")
_BARE = re.compile(r"[A-Za-z0-9.+-]{1,40}")
_BRACE = re.compile(r"\\[\\{}]|[{}]")


def group_end(text: str, start: int) -> int | None:
    r"""The index after the group whose `{` is at `start`, or None if it never closes; escaped braces do not count.

    >>> group_end(r"{a\}{b}}c", 0)
    8
    """
    depth = 0
    for match in _BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        if depth == 0 and len(match.group()) == 1:
            return match.end()
    return None


def boxes(text: str) -> list[tuple[int, int, str]]:
    r"""(start, end, content) of every closed \boxed{...}, in order, without boxes inside boxes.

    >>> boxes(r"so \boxed{\frac{3}{5}}, \boxed 7")
    [(3, 22, '\\frac{3}{5}'), (24, 32, '7')]
    >>> boxes(r"cut \boxed{30, then \boxed{36}")
    [(20, 30, '36')]
    """
    found: list[tuple[int, int, str]] = []
    marks = list(_BOX.finditer(text))
    ends = _closings(text, {mark.end() for mark in marks}, marks[0].start()) if marks else {}
    covered = 0
    for mark in marks:
        start, end = mark.end(), ends.get(mark.end())
        if mark.start() < covered:
            continue
        if end is not None:
            found.append((mark.start(), end, text[start + 1 : end - 1]))
        elif mark.group()[-1].isspace() and (bare := _BARE.match(text, start)):
            found.append((mark.start(), bare.end(), bare.group()))
        covered = found[-1][1] if found else 0
    return found


def open_box(text: str) -> bool:
    r"""Whether the last \boxed{ never closes, so that the response broke off inside it.

    >>> open_box(r"\boxed{1} \boxed{2"), open_box(r"\boxed{2}")
    (True, False)
    """
    marks = [mark for mark in _BOX.finditer(text) if text[mark.end() : mark.end() + 1] == "{"]
    return bool(marks) and marks[-1].end() not in _closings(text, {marks[-1].end()}, marks[-1].start())


def _closings(text: str, wanted: set[int], start: int) -> dict[int, int]:
    """The index after the closing brace, by the index of the opening one, for the wanted braces that close."""
    ends: dict[int, int] = {}
    opened: list[int] = []
    for match in _BRACE.finditer(text, start):
        if match.group() == "{":
            opened.append(match.start())
        elif match.group() == "}" and opened:
            opening = opened.pop()
            if opening in wanted:
                ends[opening] = match.end()
    return ends


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
    r"""(start, end) of all mathematics between delimiters, in order. The dollar sign of a price is not a delimiter.

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


def adjacent_spans(text: str, start: int, forward: bool) -> str:
    """The mathematics that starts at `start`, with the neighbours that only commas, `and` or `or` separate from it."""
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
    """The percent or degree sign right after some mathematics, which belongs to it."""
    match = re.match(r"\s?(?:%|\\%|percent\b|degrees?\b|°)", text[end : end + 12])
    return match.group() if match else ""


def sentence(text: str) -> str:
    """The first sentence or line of a text; a full stop inside mathematics does not end it.

    >>> sentence("It is $1. 5$ or 2.5. No more."), sentence("4:30 p.m. sharp")
    ('It is $1. 5$ or 2.5', '4:30 p.m. sharp')
    """
    for part in sentences(text):
        return part
    return text


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text that have a letter or a digit.

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
