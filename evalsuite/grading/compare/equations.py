"""Compare equations: by their solutions, as definitions, or with an expression for one of their letters."""

from collections.abc import Callable
from fractions import Fraction

from evalsuite.grading.compare.reduce import is_name
from evalsuite.grading.compare.scalars import same_scalar
from evalsuite.grading.read.arithmetic import Undecidable, close, quotient
from evalsuite.grading.read.evaluate import POINTS, letters, substituted, value

Node = tuple
Same = Callable[[Node, Node], bool]
_QUANTITIES = frozenset("abs sin cos tan cot sec csc arg det gcd lcm max min".split())


def difference(left: Node, right: Node) -> Node:
    return ("add", (left, ("neg", right)))


def ratio(one: Node, two: Node) -> Fraction | None:
    """The constant factor between two expressions with the same letters (`two / one`); None if it is not constant."""
    if not letters(one) or letters(one) != letters(two):
        return None
    ratio, count = None, 0
    for point in range(POINTS):
        try:
            left, right = value(one, point), value(two, point)
            if left == 0 or right == 0:
                return None
            current = quotient(right, left)
        except Undecidable:
            continue
        if ratio is not None and not close(ratio, current):
            return None
        ratio, count = current, count + 1
    return ratio if count >= 3 else None


def same_equation(gold: Node, answer: Node, left: Node, right: Node, same: Same) -> bool:
    """Whether two equations have the same solutions, or an expression answers an equation.

    An expression answers an equation if it is the value of the quantity on the left, or the end of a calculation, or
    if it solves the gold for the only letter that it does not contain. `left` and `right` are the reduced trees.
    """
    one, two = _as_equation(gold, left), _as_equation(answer, right)
    if one and two:
        return ratio(difference(*one), difference(*two)) is not None or _same_sides(one, two, same)
    equation, expression = (one, right) if left[0] == "eq" else (two, left)
    if equation is None or expression[0] in ("seq", "rel", "setop", "ival", "mat", "text"):
        return False
    if holds(difference(*equation)):  # an identity is a calculation, and its end is the answer
        return same(equation[1], expression) if left[0] != "eq" else same(expression, equation[1])
    if _is_quantity(equation[0], left[0] != "eq") and not letters(equation[1]) and not letters(expression):
        return same(equation[1], expression) if left[0] == "eq" else same(expression, equation[1])
    if left[0] != "eq":
        return False
    missing = letters(equation[0]) | letters(equation[1])
    missing -= letters(expression)
    if len(missing) != 1 or not letters(expression):
        return False
    return holds(difference(*(substituted(side, ("sym", next(iter(missing))), expression) for side in equation)))


def _is_quantity(node: Node, answered: bool) -> bool:
    """Whether a left-hand side such as `cos A`, `|z|` or `m/n` is a quantity whose value was asked for.

    In an answer, `m + n` is one too; as a gold, `x + y = 5` may be the equation of a line.
    """
    if node[0] == "add" and answered:
        return all(part[0] == "sym" for part in node[1])
    if node[0] == "mul" and len(node[1]) == 2 and node[1][1][0] == "inv":
        return all(is_name(part) and letters(part) for part in (node[1][0], node[1][1][1]))
    return node[0] == "fn" and node[1] in _QUANTITIES


def _as_equation(written: Node, node: Node) -> tuple[Node, Node] | None:
    if node[0] == "eq":
        return node[1], node[2]
    while written[0] in ("cond", "label"):
        written = written[1] if written[0] == "cond" else written[2]
    return written[1] if written[0] == "rel" and written[2] == ("=",) else None


def _same_sides(one: tuple[Node, Node], two: tuple[Node, Node], same: Same) -> bool:
    return all(same(a, b) for a, b in zip(one, two, strict=True)) or all(
        same(a, b) for a, b in zip(one, two[::-1], strict=True)
    )


def holds(node: Node) -> bool:
    """Whether an expression is zero at every point at which it has a value."""
    values = []
    for point in range(POINTS):
        try:
            values.append(value(node, point))
        except Undecidable:
            continue
    return len(values) >= 3 and all(result == 0 for result in values)


def same_definition(gold: Node, answer: Node) -> bool:
    """Whether two definitions are the same with other names for their arguments: `f(x) = 3x` and `f(t) = 3t`.

    The gold may also be the expression alone: `3x`.
    """
    ours, theirs = _arguments(gold), _arguments(answer)
    if theirs is None:
        return False
    if ours is None:
        ours, body = tuple(("sym", name) for name in letters(gold)), gold
    else:
        body = gold[1][1]
        if gold[1][0][1] != answer[1][0][1]:
            return False
    if len(ours) != len(theirs) or not (len(ours) == 1 or gold[0] == "rel"):
        return False
    said = answer[1][1]
    for number, (old, new) in enumerate(zip(theirs, ours, strict=True)):
        kept = ("sym", f"{number}:")  # a name of its own, because names may be swapped
        said = substituted(substituted(said, old, kept), kept, new)
    return same_scalar(body, said)


def _arguments(node: Node) -> tuple[Node, ...] | None:
    """The arguments of a definition `f(x, y) = ...`, if they are all letters; else None."""
    if node[0] != "rel" or node[2] != ("=",) or node[1][0][0] != "call":
        return None
    found = node[1][0][2]
    return found if found and all(one[0] == "sym" for one in found) else None
