"""Compare a condition that cannot be solved here (`1 <= |z| <= 2`, `x^2 < 4`) with a set, by trying numbers."""

import itertools
from collections.abc import Iterator
from fractions import Fraction

from evalsuite.grading.compare.intervals import NoRegion, Region, region
from evalsuite.grading.compare.reduce import reduced
from evalsuite.grading.read.arithmetic import Undecidable, Value, close, floating, is_real, mp
from evalsuite.grading.read.evaluate import letters, substituted, value

Node = tuple
_STEP = Fraction(1, 10**7)
_SPREAD = [Fraction(n * abs(n), 37) for n in range(-60, 61)] + [Fraction(n, 211) for n in range(-400, 401, 7)]


def same_by_sampling(gold: Node, answer: Node) -> bool | None:
    """Whether a condition holds in a set and nowhere else, tried at its ends, next to and between them, and elsewhere.

    None if the two trees are not a condition on one letter and a set of intervals.
    """
    for condition, other in ((gold, answer), (answer, gold)):
        name = _unknown(condition)
        if name is None:
            continue
        try:
            pieces = region(other, loose=True)
        except NoRegion:
            continue
        return _agree(condition, name, pieces)
    return None


def _unknown(node: Node) -> str | None:
    """The only letter of a condition; None if it has several or the tree is not a condition."""
    node = reduced(node)
    if node[0] == "build" and node[1][0] == "sym":
        node = reduced(node[2])
    if node[0] != "rel" or not set(node[2]) <= {"<", ">", "<=", ">=", "!="}:
        return None
    found = letters(node)
    return next(iter(found)) if len(found) == 1 else None


def _agree(condition: Node, name: str, pieces: Region) -> bool:
    condition = reduced(condition)
    if condition[0] == "build":
        condition = reduced(condition[2])
    try:
        return all(_holds(condition, name, place) == _inside(pieces, place) for place in _places(pieces))
    except Undecidable:
        return False


def _places(pieces: Region) -> Iterator[Value]:
    ends = sorted({end for one in pieces for end in (one.start, one.end) if mp.isfinite(end)})
    for end in ends:
        yield from (end, end - _step(end), end + _step(end))
    for low, high in itertools.pairwise(ends):
        yield (low + high) / 2
    yield from _SPREAD


def _step(end: mp.mpf) -> mp.mpf:
    return max(1, abs(end)) * _STEP.numerator / mp.mpf(_STEP.denominator)


def _inside(pieces: Region, place: Value) -> bool:
    place = floating(place)
    for one in pieces:
        if close(place, one.start) and mp.isfinite(one.start):
            return one.low_closed or (close(place, one.end) and one.high_closed)
        if close(place, one.end) and mp.isfinite(one.end):
            return one.high_closed
        if one.start < place < one.end:
            return True
    return False


def _holds(condition: Node, name: str, place: Value) -> bool:
    """Whether a chain of comparisons holds at a number; it does not hold if a side has no value there."""
    here = ("num", place, None)
    try:
        values = [value(substituted(one, ("sym", name), here)) for one in condition[1]]
    except Undecidable:
        return False
    if not all(is_real(one) for one in values):
        return False
    return all(_ordered(values[index], sign, values[index + 1]) for index, sign in enumerate(condition[2]))


def _ordered(left: Value, sign: str, right: Value) -> bool:
    if close(left, right):
        return sign in ("<=", ">=")
    if sign == "!=":
        return True
    return (floating(left) < floating(right)) == (sign in ("<", "<="))
