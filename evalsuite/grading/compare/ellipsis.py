r"""Sums and products with dots, `a_1 + a_2 + \ldots + a_n`: written out for a few numbers of terms and compared."""

import re
from fractions import Fraction

from evalsuite.grading.compare.scalars import same_value
from evalsuite.grading.read.evaluate import mentions, substituted

Node = tuple
_DOTS = ("con", "dots")
_COUNTS = (4, 5, 7)
_MOST_TERMS = 40
_COUNTING = frozenset("nkmNKMjl")


class NoPattern(ValueError):
    """The terms around the dots do not say how to go on."""


def same_written_out(gold: Node, answer: Node) -> bool:
    r"""Whether two expressions, one with dots in it, agree for 4, 5 and 7 in the place of the last index.

    >>> from evalsuite.grading.read.parse import parse
    >>> same_written_out(parse(r"1 + 2 + \ldots + n"), parse("n(1+n)/2"))
    True
    >>> same_written_out(parse(r"x_n + x_{n-1} + \dots + x_0"), parse(r"x_1 + x_2 + \cdots + x_n"))
    False
    """
    if not (mentions(gold, _DOTS) or mentions(answer, _DOTS)):
        return False
    name = _last_index(gold) or _last_index(answer)
    if name is None:
        return False
    try:
        return all(same_value(*(_written_out(_at(node, name, count)) for node in (gold, answer))) for count in _COUNTS)
    except NoPattern:
        return False


def _last_index(node: Node) -> str | None:
    """The one counting letter in subscripts, else the one in the tree."""
    subscripts, plain = set(), set()
    _collect(node, subscripts, plain)
    for found in (subscripts, plain):
        if len(found) == 1:
            return found.pop()
    return None


def _collect(node: Node, subscripts: set[str], plain: set[str]) -> None:
    if node and node[0] == "sym":
        base, _, subscript = node[1].partition("_")
        subscripts |= _COUNTING & set(re.findall(r"[A-Za-z]+", subscript))
        plain |= _COUNTING & {base}
        return
    for part in node:
        if isinstance(part, tuple):
            _collect(part, subscripts, plain)


def _at(node: Node, name: str, count: int) -> Node:
    """The tree with a number for the index, in subscripts too."""
    node = substituted(node, ("sym", name), ("num", Fraction(count), None))
    return _subscripts(node, name, count)


def _subscripts(node: Node, name: str, count: int) -> Node:
    if not isinstance(node, tuple) or not node:
        return node
    if node[0] == "sym" and "_" in node[1]:
        base, _, subscript = node[1].partition("_")
        match = re.fullmatch(rf"{name}(?:([+-])(\d{{1,3}}))?", subscript)
        if match:
            shift = int(match.group(2) or 0) * (-1 if match.group(1) == "-" else 1)
            return ("sym", f"{base}_{count + shift}")
        return node
    return tuple(_subscripts(part, name, count) for part in node)


def _written_out(node: Node) -> Node:
    """The tree with the terms that dots stand for."""
    if not isinstance(node, tuple) or not node:
        return node
    node = tuple(_written_out(part) for part in node)
    if node[0] in ("add", "mul") and _DOTS in node[1]:
        place = node[1].index(_DOTS)
        before, after = node[1][:place], node[1][place + 1 :]
        if not before or not after:
            raise NoPattern("dots at an end")
        return (node[0], (*before, *_between(before, after[0]), *after))
    return node


def _between(before: tuple[Node, ...], last: Node) -> list[Node]:
    first = _index(before[-1], last)
    if first is None:
        raise NoPattern("the last terms do not match")
    start, stop = first
    earlier = _index(before[-2], before[-1]) if len(before) > 1 else None
    step = earlier[1] - earlier[0] if earlier and earlier[1] == start else (1 if stop > start else -1)
    steps = range(start + step, stop, step)
    if len(steps) > _MOST_TERMS:
        raise NoPattern("too many terms")
    return [_with_index(before[-1], last, number) for number in steps]


def _index(one: Node, two: Node) -> tuple[int, int] | None:
    """The numbers in which two terms differ, where it is one pair, wherever it stands."""
    pairs: set[tuple[int, int]] = set()
    return pairs.pop() if _differences(one, two, pairs) and len(pairs) == 1 else None


def _differences(one: Node, two: Node, pairs: set[tuple[int, int]]) -> bool:
    if one == two:
        return True
    if not (isinstance(one, tuple) and isinstance(two, tuple)) or len(one) != len(two):
        return False
    if isinstance(one[0], str) and one[0] != two[0]:
        return False
    if one[0] == "num":
        if one[1] != int(one[1]) or two[1] != int(two[1]):
            return False
        pairs.add((int(one[1]), int(two[1])))
        return True
    if one[0] == "sym":
        left, right = one[1].rpartition("_"), two[1].rpartition("_")
        if left[0] != right[0] or not (left[2].isdigit() and right[2].isdigit()):
            return False
        pairs.add((int(left[2]), int(right[2])))
        return True
    return all(_differences(left, right, pairs) for left, right in zip(one, two, strict=True))


def _with_index(term: Node, pattern: Node, number: int) -> Node:
    """A term with its index, which is where it differs from the pattern, set to a number."""
    if term == pattern or not isinstance(term, tuple):
        return term
    if term[0] == "num":
        return ("num", Fraction(number), None)
    if term[0] == "sym":
        return ("sym", f"{term[1].rpartition('_')[0]}_{number}")
    return tuple(_with_index(one, two, number) for one, two in zip(term, pattern, strict=True))
