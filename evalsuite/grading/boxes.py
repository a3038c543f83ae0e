r"""Balanced braces and \boxed{...} in linear time."""

import re

_BOX = re.compile(r"\\+(?:boxed|fbox|framebox)(?![A-Za-z])\s*")
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

    >>> boxes(r"so \boxed{\frac{1}{2}}, \boxed 7")
    [(3, 22, '\\frac{1}{2}'), (24, 32, '7')]
    """
    found, position = [], 0
    unclosed = False
    while (match := _BOX.search(text, position)) is not None:
        position = match.end()
        if text[position : position + 1] != "{":
            bare = re.compile(r"[A-Za-z0-9.+-]+").match(text, position) if match.group()[-1].isspace() else None
            if bare:
                found.append((match.start(), bare.end(), bare.group()))
                position = bare.end()
            continue
        end = None if unclosed else group_end(text, position)
        unclosed = end is None  # braces that never close once never close later on either
        if end is not None:
            found.append((match.start(), end, text[position + 1 : end - 1]))
            position = end
    return found
