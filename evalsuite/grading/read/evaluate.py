"""Compute the value of a tree at a point: an exact fraction if possible, else a number with 60 digits.

Each letter has a value that is a hash of its name, so two expressions that agree at every point are equal except by an
unlikely coincidence. An expression that cannot be computed (a tower of exponents, an unknown function, an integral)
has a value that is a hash of its structure, so it equals only what is written in the same way. No difference counts as
too small: a tiny value is computed again with more digits to tell it from zero.
"""

import functools
import hashlib
from fractions import Fraction

from evalsuite.grading.read.arithmetic import (
    BITS,
    MORE_BITS,
    Absurd,
    Undecidable,
    Value,
    digits,
    floating,
    mp,
    opaque,
    plus,
    power,
    structure,
    times,
)
from evalsuite.grading.read.elementary import apply

Node = tuple

POINTS = 5
INNER_POINTS = (5, 6, 7, 8)  # all letters in (0, 1), for expressions that are real only there
_RANGES = ((Fraction(1, 10), 1), (1, 3), (-3, Fraction(-1, 5)), (Fraction(1, 5), 3), (3, 11), (0, 1))
_MOST_TERMS = 300  # the largest number of terms in a sum that is computed
_INTEGERS = frozenset("nmkNMKjl")


def value(node: Node, point: int = 0) -> Value:
    """The value of `node` with its letters at `point`. Raises Undecidable if there is none, as at a pole.

    >>> value(("mul", (("num", Fraction(1), None), ("inv", ("num", Fraction(3), None)))))
    Fraction(1, 3)
    """
    result = _tidy(_value(node, point))
    if not isinstance(result, Fraction) and abs(result) < 1e-25:
        result = _settled(node, point, result)
    return result


def letters(node: Node) -> frozenset[str]:
    """The names of all letters in a tree.

    >>> sorted(letters(("add", (("sym", "x"), ("pow", ("sym", "y"), ("con", "e"))))))
    ['x', 'y']
    """
    if node and node[0] == "sym":
        return frozenset((node[1],))
    return frozenset().union(*(letters(part) for part in node if isinstance(part, tuple))) if node else frozenset()


def mentions(node: Node, part: Node) -> bool:
    """Whether a tree contains another one."""
    return node == part or any(mentions(one, part) for one in node if isinstance(one, tuple))


def substituted(node: Node, part: Node, replacement: Node) -> Node:
    """The tree with every occurrence of a part replaced."""
    if node == part:
        return replacement
    if not isinstance(node, tuple) or not node:
        return node
    return tuple(substituted(one, part, replacement) for one in node)


def _settled(node: Node, point: int, rough: Value) -> Value:
    """A tiny value, computed again with more digits: rounding noise shrinks and becomes zero, a real value stays."""
    if rough == 0:
        return Fraction(0)
    mp.prec = MORE_BITS
    try:
        fine = _tidy(_value(node, point))
    finally:
        mp.prec = BITS
    if isinstance(fine, Fraction):
        return fine
    return Fraction(0) if abs(fine) < mp.ldexp(abs(rough), -100) else +fine


def _tidy(result: Value) -> Value:
    """The value without a real or imaginary part that is only noise. Raises Undecidable for infinity and NaN."""
    if isinstance(result, Fraction):
        return result
    if not mp.isfinite(result):
        raise Undecidable("not finite")
    if isinstance(result, mp.mpc):
        if abs(result.imag) <= mp.ldexp(abs(result.real), -110):
            return result.real
        if abs(result.real) <= mp.ldexp(abs(result.imag), -110):
            return mp.mpc(0, result.imag)
    return result


def _value(node: Node, point: int) -> Value:
    rule = _RULES.get(node[0])
    if rule is None:
        return opaque(structure(node))
    try:
        return rule(node, point)
    except Absurd:
        return opaque(structure(node))
    except Undecidable:
        raise
    except (OverflowError, ValueError, TypeError, mp.NoConvergence) as error:
        raise Undecidable(str(error)) from error
    except ZeroDivisionError as error:
        raise Undecidable("division by zero") from error


@functools.lru_cache(maxsize=4096)
def _letter(name: str, point: int) -> Fraction:
    """The value of a letter: in (0, 1) at point 0, in (1, 3) at 1, negative at 2, of either sign at 3, in (3, 11) at 4.

    Letters that usually count something, such as n, have whole numbers as values.
    """
    raw = int.from_bytes(hashlib.sha256(f"{point}:{name}".encode("utf-8", "surrogatepass")).digest()[:6], "big")
    share = Fraction(raw % 9973 + 1, 9991)
    if name in _INTEGERS or name[:2] in ("n_", "k_", "m_"):
        return Fraction(2 + 5 * point + raw % 5)
    low, high = _RANGES[min(point, POINTS)]
    drawn = low + (high - low) * share
    return -drawn if point == 3 and raw >> 20 & 1 else drawn


def _add(node: Node, point: int) -> Value:
    total: Value = Fraction(0)
    for part in node[1]:
        total = plus(total, _value(part, point))
    return total


def _mul(node: Node, point: int) -> Value:
    total: Value = Fraction(1)
    for part in node[1]:
        total = times(total, _value(part, point))
    return total


def _inv(node: Node, point: int) -> Value:
    return 1 / _value(node[1], point)


def _pow(node: Node, point: int) -> Value:
    base, exponent = _value(node[1], point), _value(node[2], point)
    return power(base, exponent)


def _call(node: Node, point: int) -> Value:
    arguments = [digits(value(part, point), 15) for part in node[2]]
    return opaque(f"{node[1]}({','.join(arguments)})")


def _base(node: Node, _: int) -> Value:
    if not 2 <= node[2] <= 36:
        raise Undecidable("no such base")
    return Fraction(int(node[1], node[2]))


def _constant(node: Node, _: int) -> Value:
    if node[1] == "pi":
        return +mp.pi
    if node[1] in ("e", "logbase"):  # a logarithm without a base is natural; compare.scalars tries base 10 as well
        return +mp.e
    if node[1] == "i":
        return mp.mpc(0, 1)
    if node[1] == "inf":
        raise Undecidable("infinite")
    return opaque(node[1])


def _ratio(node: Node, point: int) -> Value:
    if len(node[1]) != 2:
        return opaque(structure(node))
    return times(_value(node[1][0], point), 1 / _value(node[1][1], point))


def _big(node: Node, point: int) -> Value:
    """The value of a finite sum or product over whole numbers; anything else equals only what is written alike."""
    limits = {part[1]: part[2][0] for part in node[2][:-1]}
    start, body = limits.get("_"), node[2][-1]
    if node[1] not in ("sum", "prod") or "^" not in limits or not start or start[0] != "rel" or start[2] != ("=",):
        return opaque(structure(node))
    try:
        low, high = _value(start[1][1], point), _value(limits["^"], point)
    except Undecidable:
        return opaque(structure(node))
    if not all(isinstance(end, Fraction) and end.denominator == 1 for end in (low, high)) or high - low > _MOST_TERMS:
        return opaque(structure(node))
    total = Fraction(node[1] == "prod")
    for number in range(int(low), int(high) + 1):
        term = _value(substituted(body, start[1][0], ("num", Fraction(number), None)), point)
        total = plus(total, term) if node[1] == "sum" else times(total, term)
    return total


def _function(node: Node, point: int) -> Value:
    return apply(node[1], [_value(part, point) for part in node[2]], node)


def _degrees(node: Node, point: int) -> Value:
    return floating(_value(node[1], point)) * mp.pi / 180


_RULES = {
    "num": lambda node, _: node[1],
    "sym": lambda node, point: _letter(node[1], point),
    "con": _constant,
    "add": _add,
    "mul": _mul,
    "inv": _inv,
    "neg": lambda node, point: -_value(node[1], point),
    "pow": _pow,
    "pct": lambda node, point: _value(node[1], point) / 100,
    "deg": _degrees,
    "unit": lambda node, point: _value(node[1], point),
    "label": lambda node, point: _value(node[2], point),
    "base": _base,
    "ratio": _ratio,
    "call": _call,
    "fn": _function,
    "big": _big,
    "text": lambda node, _: opaque(node[1].lower()),
}
