"""Compare two trees: numbers, lists, sets and inequalities, equations, matrices."""

import itertools
from fractions import Fraction

from evalsuite.grading.compare.equations import (
    difference,
    ratio,
    same_definition,
    same_equation,
)
from evalsuite.grading.compare.intervals import NoRegion, equal_regions, region
from evalsuite.grading.compare.lists import same_lists
from evalsuite.grading.compare.reduce import declared_letters, expanded, items, reduced
from evalsuite.grading.compare.sampling import same_by_sampling
from evalsuite.grading.compare.scalars import same_scalar
from evalsuite.grading.read.evaluate import letters, mentions, substituted

Node = tuple
_RUNNING = frozenset("kmnlptsjqr")
UNIT_VECTORS = ("uniti", "unitj", "unitk")
_MOST_CONSTANTS = 3
_SETS = frozenset(("ival", "setop", "set", "build", "rel"))
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def same(gold: Node, answer: Node, tolerance: float | None = None) -> bool:
    """Whether the tree of an answer means the same as the tree of the gold."""
    return _same(gold, answer, tolerance) or _same_renamed(gold, answer, tolerance)


def _same_renamed(gold: Node, answer: Node, tolerance: float | None) -> bool:
    r"""Whether two trees mean the same after renaming a letter that runs through the whole numbers, or a constant.

    `\pi/6 + k\pi` is `\pi/6 + n\pi`, and `x^2 + C` is `x^2 + K`.
    """
    ours, theirs = _free_letters(gold), _free_letters(answer)
    constants = sorted(name for name in ours if name.startswith("C_"))
    if len(constants) > 1:
        return _same_constants(gold, answer, constants, sorted(theirs - (ours - set(constants))), tolerance)
    only, other = ours - theirs, theirs - ours
    if len(only) != 1 or len(other) != 1:
        return False
    declared = declared_letters(gold) | declared_letters(answer)
    periodic = mentions(gold, ("con", "pi")) and mentions(answer, ("con", "pi"))
    constant = only | other == {"C", "c"} or (only == {"C"} and other <= {"K", "k"} and _added(gold) and _added(answer))
    if not constant and not (periodic and only | other <= _RUNNING) and not (only | other) & declared:
        return False
    return _same(gold, substituted(answer, ("sym", *other), ("sym", *only)), tolerance)


def _same_constants(gold: Node, answer: Node, ours: list[str], theirs: list[str], tolerance: float | None) -> bool:
    """Whether two solutions of a differential equation are the same with other names for the constants C_1 and C_2."""
    if len(ours) != len(theirs) or len(ours) > _MOST_CONSTANTS:
        return False
    for order in itertools.permutations(range(len(ours))):
        renamed = answer
        for name, place in zip(theirs, order, strict=True):
            renamed = substituted(renamed, ("sym", name), ("sym", f"{place}:"))
        for place, name in enumerate(ours):
            renamed = substituted(renamed, ("sym", f"{place}:"), ("sym", name))
        if _same(gold, renamed, tolerance):
            return True
    return False


def _added(node: Node) -> bool:
    """Whether a constant of integration is one of the terms."""
    node = reduced(node)
    return node[0] == "add" and any(("sym", name) in node[1] for name in "CKk")


def _free_letters(node: Node) -> frozenset[str]:
    """The letters in the values of a tree, without the names that it gives to them."""
    return frozenset().union(*(letters(reduced(part)) for part in items(node)))


def _same(gold: Node, answer: Node, tolerance: float | None = None) -> bool:
    if gold == answer:
        return True
    left, right = single(reduced(gold)), single(reduced(answer))
    kinds = {left[0], right[0]}
    if kinds & {"mat", "seq"} and (components(left, right), components(right, left)) != (left, right):
        return _same(components(left, right), components(right, left), tolerance)
    if "mat" in kinds:
        return _same_matrix(left, right, tolerance)
    if kinds == {"ratio"} and len(left[1]) == len(right[1]) > 2:
        return all(_same(one, two) for one, two in zip(_to_first(left), _to_first(right), strict=True))
    if "eq" in kinds and len(expanded(left)) == len(expanded(right)) == 1:
        return same_equation(gold, answer, left, right, _same)
    if kinds & _SETS or has_set(left) or has_set(right):
        return _same_set(left, right, tolerance)
    if _has_alternatives(answer) and left[0] not in ("seq", "pm") and len(expanded(left)) == 1:
        return all(_same(gold, part, tolerance) for part in answer[2])  # `1/2 or 0.5` gives one value twice
    if "seq" in kinds or "pm" in kinds or len(expanded(left)) + len(expanded(right)) > 2:
        return same_lists(gold, answer, lambda one, two: _same(one, two, tolerance))
    return same_scalar(left, right, tolerance) or same_definition(gold, answer)


def _to_first(ratio: Node) -> list[Node]:
    """The parts of a ratio as multiples of its first."""
    return [("mul", (part, ("inv", ratio[1][0]))) for part in ratio[1][1:]]


def _has_alternatives(node: Node) -> bool:
    """Whether a tree is a list whose items are joined by `or`."""
    return node[0] == "seq" and node[1] == "bare" and node[3] == "or"


def single(node: Node) -> Node:
    """The only member of a set or list with one member; other trees unchanged."""
    while node[0] == "seq" and len(node[2]) == 1 and node[1] in ("bare", "brace"):
        node = reduced(node[2][0])
    return node


def components(node: Node, other: Node) -> Node:
    """A sum of unit vectors such as `i + 3j` as a tuple with as many numbers as the other side has."""
    count = len(other[2]) if other[0] == "seq" else len(other[1]) if other[0] == "mat" else 0
    if count not in (2, 3) or not any(letter in UNIT_VECTORS for letter in letters(node)):
        return node
    parts = []
    for chosen in UNIT_VECTORS[:count]:
        part = node
        for letter in UNIT_VECTORS:
            part = substituted(part, ("sym", letter), ("num", Fraction(letter == chosen), None))
        parts.append(part)
    return ("seq", "paren", tuple(parts), ",")


def has_set(node: Node) -> bool:
    """Whether a tree is a list of inequalities or intervals, or a difference of sets."""
    if node[0] == "seq" and node[1] == "bare":
        return any(reduced(part)[0] in _SETS for part in node[2])
    return node[0] == "add" and any(part[0] in _SETS or (part[0] == "neg" and part[1][0] == "seq") for part in node[1])


def _same_matrix(gold: Node, answer: Node, tolerance: float | None) -> bool:
    left, right = _rows(gold), _rows(answer)
    if left is None or right is None:
        return False
    if len(left) != len(right) and (len(left) == 1 or len(right) == 1) and "seq" in (gold[0], answer[0]):
        left, right = ([entry for row in rows for entry in row] for rows in (left, right))
        left, right = [left], [right]
    return len(left) == len(right) and all(
        len(one) == len(two) and all(_same(a, b, tolerance) for a, b in zip(one, two, strict=True))
        for one, two in zip(left, right, strict=True)
    )


def _rows(node: Node) -> list[list[Node]] | None:
    """The rows of a matrix or of a list of lists, or the only row of a tuple; None for anything else."""
    if node[0] == "mat":
        return [list(row) for row in node[1]]
    if node[0] != "seq" or not node[2]:
        return None
    if all(part[0] == "seq" and part[1] in ("brack", "paren") for part in node[2]) and node[1] == "brack":
        return [list(part[2]) for part in node[2]]
    return [list(node[2])] if node[1] in ("paren", "brack", "brace") else None


def _same_set(gold: Node, answer: Node, tolerance: float | None) -> bool:
    """Whether two trees are the same set of real numbers, or the same chain of comparisons."""
    try:
        left, right = region(gold, loose=True), region(answer, loose=True)
    except NoRegion:
        pass
    else:
        return equal_regions(left, right, tolerance)
    if gold[0] == answer[0] == "rel" and _same_chain(gold, answer, tolerance):
        return True
    verdict = same_by_sampling(gold, answer)
    if verdict is not None:
        return verdict
    if "seq" in (gold[0], answer[0]) and "rel" not in (gold[0], answer[0]):
        return same_lists(gold, answer, lambda one, two: _same(one, two, tolerance))
    return same_scalar(gold, answer)


def _same_chain(gold: Node, answer: Node, tolerance: float | None) -> bool:
    """Whether two chains of comparisons are the same, forwards or backwards.

    A single comparison may also be rearranged, or multiplied by a number.
    """
    for one in (answer, _reversed(answer)):
        alike = one[2] == gold[2] and len(one[1]) == len(gold[1])
        if alike and all(_same(a, b, tolerance) for a, b in zip(gold[1], one[1], strict=True)):
            return True
    if len(gold[1]) != 2 or len(answer[1]) != 2:
        return False
    factor = ratio(difference(*gold[1]), difference(*answer[1]))
    if factor is None:
        return False
    return gold[2] == (answer[2] if factor > 0 else tuple(_FLIPPED.get(sign, sign) for sign in answer[2]))


def _reversed(node: Node) -> Node:
    return ("rel", node[1][::-1], tuple(_FLIPPED.get(sign, sign) for sign in node[2][::-1]))
