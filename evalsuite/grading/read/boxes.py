r"""Balanced braces and \boxed{...} in linear time."""

import re

_BOX = re.compile(r"\\+(?:boxed|fbox|framebox)(?![A-Za-z])\s*")
_BARE = re.compile(r"[A-Za-z0-9.+-]{1,40}")
_BRACE = re.compile(r"\\[\\{}]|[{}]")


def group_end(text: str, start: int) -> int | None:
    r"""The index after the group whose `{` stands at `start`; escaped braces do not count. None: it never closes.

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
    r"""(start, end, content) of every closed \boxed{...}, outermost only, in order.

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
    r"""Whether the last \boxed{ never closes: the response broke off inside it.

    >>> open_box(r"\boxed{1} \boxed{2"), open_box(r"\boxed{2}")
    (True, False)
    """
    marks = [mark for mark in _BOX.finditer(text) if text[mark.end() : mark.end() + 1] == "{"]
    return bool(marks) and marks[-1].end() not in _closings(text, {marks[-1].end()}, marks[-1].start())


def _closings(text: str, wanted: set[int], start: int) -> dict[int, int]:
    """For each brace that opens at a wanted index and closes: the index after its closing one."""
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
