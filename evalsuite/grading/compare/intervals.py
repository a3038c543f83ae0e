"""Sets of real numbers as lists of intervals, from inequalities, set-builders, unions and differences."""

from dataclasses import dataclass
from fractions import Fraction

from evalsuite.grading.compare.reduce import expanded, is_name, reduced
from evalsuite.grading.compare.scalars import same_scalar
from evalsuite.grading.read.arithmetic import Undecidable, floating, is_real, mp
from evalsuite.grading.read.evaluate import letters, value
from evalsuite.grading.read.quantities import quantity_of

Node = tuple
_INFINITY = ("con", "inf")
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "!=": "!=", "=": "="}


class NoRegion(ValueError):
    """The tree is not a set of real numbers in one letter."""


@dataclass(frozen=True)
class Piece:
    """One interval: its ends as trees (`low`, `high`) and as numbers (`start`, `end`) to sort and compare by."""

    low: Node
    high: Node
    low_closed: bool
    high_closed: bool
    start: mp.mpf
    end: mp.mpf


Region = tuple[Piece, ...]


def region(node: Node, loose: bool = False) -> Region:
    """The set that a tree describes. With `loose`, (a, b) and [a, b] are intervals. Raises NoRegion."""
    node = reduced(node)
    rule = _RULES.get(node[0])
    if rule is None:
        raise NoRegion(node[0])
    return joined(rule(node, loose))


def equal_regions(gold: Region, answer: Region, tolerance: float | None = None) -> bool:
    return len(gold) == len(answer) and all(
        (one.low_closed, one.high_closed) == (two.low_closed, two.high_closed)
        and _same_end(one.low, two.low, tolerance)
        and _same_end(one.high, two.high, tolerance)
        for one, two in zip(gold, answer, strict=True)
    )


def _same_end(gold: Node, answer: Node, tolerance: float | None) -> bool:
    left, right = infinite(gold), infinite(answer)
    return left == right if left or right else same_scalar(gold, answer, tolerance)


def infinite(node: Node) -> int:
    """1 for infinity, -1 for minus infinity, else 0.

    >>> infinite(("neg", ("con", "inf")))
    -1
    """
    if node == _INFINITY:
        return 1
    return -infinite(node[1]) if node[0] == "neg" else 0


def piece(low: Node, high: Node, low_closed: bool, high_closed: bool) -> Region:
    """One interval, or nothing if it is empty. Raises NoRegion if an end is not a real number."""
    low, high = quantity_of(low).core, quantity_of(high).core
    start, end = _place(low), _place(high)
    if start > end or (start == end and not (low_closed and high_closed)):
        return ()
    return (Piece(low, high, low_closed and not infinite(low), high_closed and not infinite(high), start, end),)


def interval(low: Node, high: Node, low_closed: bool, high_closed: bool) -> Region:
    """An interval that is not empty. Raises NoRegion for (3, 2) and (1, 1), which are points in a plane."""
    found = piece(low, high, low_closed, high_closed)
    if not found:
        raise NoRegion("nothing between the ends")
    return found


def _place(node: Node) -> mp.mpf:
    if infinite(node):
        return infinite(node) * mp.inf
    try:
        result = value(node)
    except Undecidable as error:
        raise NoRegion("an end without a value") from error
    if not is_real(result) or node[0] in ("seq", "text", "set", "rel", "eq", "mat"):
        raise NoRegion("an end that is no real number")
    return floating(result)


def joined(pieces: Region) -> Region:
    """The intervals in order, with overlapping and touching ones joined."""
    merged: list[Piece] = []
    for one in sorted(pieces, key=lambda one: (one.start, not one.low_closed)):
        last = merged[-1] if merged else None
        touching = last and (one.start < last.end or (one.start == last.end and (one.low_closed or last.high_closed)))
        if not touching:
            merged.append(one)
        elif (one.end, one.high_closed) > (last.end, last.high_closed):
            merged[-1] = Piece(last.low, one.high, last.low_closed, one.high_closed, last.start, one.end)
    return tuple(merged)


def common(left: Region, right: Region) -> Region:
    """The intersection of two sets."""
    found: list[Piece] = []
    for one in left:
        for two in right:
            later = max(one, two, key=lambda p: (p.start, not p.low_closed))
            sooner = min(one, two, key=lambda p: (p.end, p.high_closed))
            found.extend(piece(later.low, sooner.high, later.low_closed, sooner.high_closed))
    return joined(tuple(found))


def rest(inside: Region) -> Region:
    """The complement of a set."""
    found: list[Piece] = []
    low, closed = ("neg", _INFINITY), False
    for one in inside:
        found.extend(piece(low, one.low, closed, not one.low_closed))
        low, closed = one.high, not one.high_closed
    if infinite(low) != 1:
        found.extend(piece(low, _INFINITY, closed, False))
    return tuple(found)


def _sequence(node: Node, loose: bool) -> Region:
    kind, parts, joint = node[1:]
    if kind in ("paren", "brack"):
        if not loose or len(parts) != 2:
            raise NoRegion("a tuple")
        return interval(*parts, kind == "brack", kind == "brack")
    if kind == "brace":
        return tuple(one for part in parts for choice in expanded(part) for one in _point(choice))
    conditions = any(_condition(part) for part in parts)  # next to a condition, `x = 5` is a point
    pieces = [_relation(part, loose) if conditions and _names_point(part) else region(part, loose) for part in parts]
    if not conditions:
        return tuple(one for each in pieces for one in each)
    overlap = pieces[0]
    for each in pieces[1:]:
        overlap = common(overlap, each)
    if joint == "and" or (joint == "," and overlap):
        return overlap
    return tuple(one for each in pieces for one in each)


def _condition(node: Node) -> bool:
    return node[0] == "rel" or node == ("set", "R")


def _names_point(node: Node) -> bool:
    return node[0] == "rel" and node[2] == ("=",) and _variable(node[1][0])


def _point(node: Node) -> Region:
    node = reduced(node)
    return piece(node, node, True, True)


def _relation(node: Node, loose: bool) -> Region:
    """The set given by a chain of comparisons with one letter, such as `1 < x <= 2`."""
    operands, operators = node[1], node[2]
    if operators[-1:] == ("in",):
        return region(operands[-1], loose)
    if len(operands) > 3 or not set(operators) <= set(_FLIPPED):
        raise NoRegion("no chain of comparisons")
    middle = [index for index, one in enumerate(operands) if _variable(one)]
    if len(middle) != 1 or (len(operands) == 3 and middle != [1]):
        raise NoRegion("not one letter between bounds")
    name = letters(operands[middle[0]])
    if any(name & letters(one) for index, one in enumerate(operands) if index != middle[0]):
        raise NoRegion("the letter is on both sides")
    found = (Piece(("neg", _INFINITY), _INFINITY, False, False, -mp.inf, mp.inf),)
    for index, operator in enumerate(operators):
        right = middle[0] == index  # the bound is to the right of the letter
        bound = operands[index + 1] if right else operands[index]
        found = common(found, _half(operator if right else _FLIPPED[operator], bound))
    return found


def _variable(node: Node) -> bool:
    return is_name(node) and node[0] in ("sym", "call")


def _half(operator: str, bound: Node) -> Region:
    if operator == "!=":
        return rest(piece(bound, bound, True, True))
    if operator == "=":
        return piece(bound, bound, True, True)
    if operator in (">", ">="):
        return piece(bound, _INFINITY, operator == ">=", False)
    return piece(("neg", _INFINITY), bound, False, operator == "<=")


def _set_operation(node: Node, loose: bool) -> Region:
    left, right = region(node[2], True), region(node[3], True)
    if node[1] == "|":
        return left + right
    return common(left, right) if node[1] == "&" else common(left, rest(right))


def _difference(node: Node, _: bool) -> Region:
    """The difference of sets, `A - B`."""
    first, *others = node[1]
    if not others or any(other[0] != "neg" for other in others):
        raise NoRegion("a sum")
    found = region(first, True)
    for other in others:
        found = common(found, rest(region(other[1], True)))
    return found


def _named(node: Node, _: bool) -> Region:
    if node[1] == "R":
        return piece(("neg", _INFINITY), _INFINITY, False, False)
    if node[1] == "R+":
        return piece(("num", Fraction(0), None), _INFINITY, False, False)
    if node[1] == "empty":
        return ()
    raise NoRegion(node[1])


def _builder(node: Node, _: bool) -> Region:
    name, condition = node[1], node[2]
    if name[0] == "rel" and name[2] == ("in",) and name[1][1] in (("set", "R"), ("set", "R+")):
        return common(region(name[1][1]), region(condition))
    if name[0] not in ("sym", "call"):
        raise NoRegion("a set of something else than numbers")
    return region(condition)


_RULES = {
    "ival": lambda node, _: interval(*node[1:]),
    "seq": _sequence,
    "rel": _relation,
    "setop": _set_operation,
    "add": _difference,
    "set": _named,
    "build": _builder,
}
