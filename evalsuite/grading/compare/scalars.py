"""Compare two single values: exactly, as rounded decimals, in other units, as percentages, as angles."""

from collections.abc import Iterable
from fractions import Fraction

from evalsuite.grading.compare.rounding import rounded, tolerated
from evalsuite.grading.read import units
from evalsuite.grading.read.arithmetic import Undecidable, Value, close, is_real, structure
from evalsuite.grading.read.evaluate import INNER_POINTS, POINTS, letters, mentions, substituted, value
from evalsuite.grading.read.quantities import Node, Quantity, droppable, quantity_of, scaled, units_from_factors

_UNSAID = ("con", "logbase")  # the base of `log` without a base: e, or 10 if the other side has base 10


def same_scalar(gold: Node, answer: Node, tolerance: float | None = None) -> bool:
    """Whether the answer's value is the gold's."""
    if gold == answer:
        return True
    if "label" in (gold[0], answer[0]):
        return _same_label(gold, answer, tolerance)
    left, right = quantity_of(gold), units_from_factors(quantity_of(answer))
    if gold[0] == answer[0] == "mod" and not same_value(gold[2], answer[2]):
        return False
    if left.core[0] == "base" or right.core[0] == "base":
        return _same_digits(left.core, right.core)
    if left.core[0] == "text" or right.core[0] == "text":
        return left.core[0] == right.core[0] and left.core[1].casefold() == right.core[1].casefold()
    scale = _conversion(left.unit, right.unit)
    if scale is None:
        return False
    if left.angle != right.angle and _same_angle(left, right, tolerance):
        return True
    if {left.angle, right.angle} == {"deg", "rad"} or (left.percent != right.percent and _measured(left, right)):
        return False
    if same_value(left.core, scaled(right.core, scale), tolerance):
        return True
    return _same_percent(left, right, tolerance)


def _same_label(gold: Node, answer: Node, tolerance: float | None) -> bool:
    """Whether two values have the same label, if it matters (`at least 5`), and are the same."""
    if gold[0] != answer[0]:
        both_bare = quantity_of(gold), quantity_of(answer)
        return "label" not in (both_bare[0].core[0], both_bare[1].core[0]) and same_scalar(
            both_bare[0].core, both_bare[1].core, tolerance
        )
    return gold[1].casefold() == answer[1].casefold() and same_scalar(gold[2], answer[2], tolerance)


def _conversion(gold: str, answer: str) -> Fraction | None:
    """The size of the answer's unit in the gold's unit; 1 if either has no size; None if they do not match."""
    if not (droppable(gold.replace("*", " ")) and droppable(answer.replace("*", " "))):
        return Fraction(1) if gold.casefold() == answer.casefold() else None
    left, right = units.size(gold) if gold else None, units.size(answer) if answer else None
    if left is None or right is None:
        return Fraction(1)
    return right[1] / left[1] if left[0] == right[0] else None


def _measured(*sides: Quantity) -> bool:
    """Whether one of the quantities is an angle or has a unit with a size: then 25% is not 25 degrees, nor 25 cm."""
    return any(side.angle or units.size(side.unit) for side in sides)


def _same_percent(left: Quantity, right: Quantity, tolerance: float | None) -> bool:
    """Whether one side is a percentage and the other one its value as a fraction: 40% and 0.4."""
    if left.percent == right.percent:
        return False
    factor = Fraction(100) if left.percent else Fraction(1, 100)
    return same_value(left.core, scaled(right.core, factor), tolerance)


def _same_angle(left: Quantity, right: Quantity, tolerance: float | None) -> bool:
    """Whether one side is in degrees and the other one the same angle in radians, with `rad` or a multiple of pi."""
    sides = (left, right)
    degrees = next((side for side in sides if side.angle == "deg"), None)
    other = right if degrees is left else left
    if degrees is None or not (other.angle == "rad" or mentions(other.core, ("con", "pi"))):
        return False
    radians = ("mul", (degrees.core, ("con", "pi"), ("inv", ("num", Fraction(180), None))))
    return same_value(radians, other.core, tolerance) if degrees is left else same_value(other.core, radians, tolerance)


def _same_digits(gold: Node, answer: Node) -> bool:
    """Whether two numerals have the same digits and base; a numeral without a base is taken to have the other's."""
    gold, answer = (_decimal_numeral(node) for node in (gold, answer))
    if gold[0] == answer[0] == "base":
        return gold[1:] == answer[1:]
    if "base" not in (gold[0], answer[0]):
        return same_value(gold, answer)
    written, other = (gold, answer) if gold[0] == "base" else (answer, gold)
    return other[0] == "num" and other[1] == int(written[1])


def _decimal_numeral(node: Node) -> Node:
    return ("num", Fraction(int(node[1])), None) if node[0] == "base" and node[2] == 10 else node


def same_value(gold: Node, answer: Node, tolerance: float | None = None) -> bool:
    """Whether two trees without units and marks have the same value, or are the same function of their letters."""
    if gold == answer:
        return True
    if mentions(gold, _UNSAID) != mentions(answer, _UNSAID):
        decadic = (substituted(node, _UNSAID, ("num", Fraction(10), None)) for node in (gold, answer))
        if same_value(*decadic, tolerance):
            return True
    if letters(gold) or letters(answer):
        return same_function(gold, answer)
    try:
        left, right = value(gold), value(answer)
    except Undecidable:
        return structure(gold) == structure(answer)
    return close(left, right) or rounded(gold, left, answer, right) or tolerated(left, right, tolerance)


def same_function(gold: Node, answer: Node) -> bool:
    """Whether two functions agree at several points: those with real values if there are at least two, else all."""
    pairs = _values(gold, answer, range(POINTS))
    real = [pair for pair in pairs if is_real(pair[0]) and is_real(pair[1])]
    if len(real) < 2:
        inner = _values(gold, answer, INNER_POINTS)
        real += [pair for pair in inner if is_real(pair[0]) and is_real(pair[1])]
    pairs = real if len(real) >= 2 else pairs
    if not pairs:
        return structure(gold) == structure(answer)
    return all(close(left, right) for left, right in pairs)


def _values(gold: Node, answer: Node, points: Iterable[int]) -> list[tuple[Value, Value]]:
    """The values of both trees at the points where both have one."""
    found = []
    for point in points:
        try:
            found.append((value(gold, point), value(answer, point)))
        except Undecidable:
            continue
    return found
