"""When two single values are the same: exactly, as a rounded decimal, in other units, as percent, as angle.

The tolerances, all of them:
    a decimal answer for an exact gold    at least 4 significant digits, correctly rounded; or 6, cut off
    an exact answer for a decimal gold    the gold has at least 3 significant digits and is its correct rounding
    with a task's tolerance               |answer - gold| <= tolerance * |gold|
Whole numbers and fractions that end within 6 digits are never rounded. Nothing is equal because it is small.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

from evalsuite.grading import units
from evalsuite.grading.arithmetic import Undecidable, Value, close, floating, is_real, mp, structure
from evalsuite.grading.evaluate import POINTS, letters, mentions, substituted, value
from evalsuite.grading.phrases import droppable

Node = tuple
_GOLD_DIGITS, _ANSWER_DIGITS, _CUT_DIGITS = 3, 4, 6
_ENDING_DIGITS = 6
_UNSAID = ("con", "logbase")  # the base of a plain log: e, or 10 where the other side has it


@dataclass(frozen=True)
class Peeled:
    """A value and what was written around it."""

    core: Node
    percent: bool = False
    angle: str = ""  # "deg", "rad" or nothing
    unit: str = ""


def peel(node: Node) -> Peeled:
    """Take marks and units off a value.

    >>> peel(("neg", ("pct", ("sym", "x"))))
    Peeled(core=('neg', ('sym', 'x')), percent=True, angle='', unit='')
    """
    kind = node[0]
    if kind == "label" and droppable(node[1]):
        return peel(node[2])
    if kind == "neg":
        inner = peel(node[1])
        return replace(inner, core=("neg", inner.core))
    if kind == "pct":
        return replace(peel(node[1]), percent=True)
    if kind == "deg":
        return replace(peel(node[1]), angle="deg")
    if kind == "mod":
        return peel(node[1])
    if kind == "add" and all(part[0] in ("deg", "neg") for part in node[1]):
        parts = [peel(part) for part in node[1]]
        if all(part.angle == "deg" for part in parts):
            return Peeled(("add", tuple(part.core for part in parts)), angle="deg")
    if kind == "add" and all(part[0] == "unit" for part in node[1]):
        return _compound(node)
    if kind == "unit":
        return _with_unit(peel(node[1]), node[2])
    return Peeled(node)


def _compound(node: Node) -> Peeled:
    """`2 hours 30 minutes` in the first of its units, where all measure the same."""
    sizes = [units.size(part[2]) for part in node[1]]
    if None in sizes or len({size[0] for size in sizes}) > 1:
        return Peeled(node)
    parts = (_scaled(part[1], size[1] / sizes[0][1]) for part, size in zip(node[1], sizes, strict=True))
    return Peeled(("add", tuple(parts)), unit=node[1][0][2])


def _with_unit(inner: Peeled, unit: str) -> Peeled:
    size = units.size(unit)
    if size == ((("angle", 1),), 1):
        return replace(inner, angle="deg")
    if size == ((("radians", 1),), 1):
        return replace(inner, angle="rad")
    if inner.angle == "deg" and unit in ("C", "F"):
        return replace(inner, angle="", unit=unit)
    return replace(inner, unit=unit if not inner.unit else f"{inner.unit}*{unit}")


def same_scalar(gold: Node, answer: Node, tolerance: float | None = None) -> bool:
    """Whether the answer's value is the gold's."""
    if gold == answer:
        return True
    if "label" in (gold[0], answer[0]):
        return _same_label(gold, answer, tolerance)
    left, right = peel(gold), _without_unit_letter(peel(answer), gold)
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
    if {left.angle, right.angle} == {"deg", "rad"}:
        return False
    if same_value(left.core, _scaled(right.core, scale), tolerance):
        return True
    return _same_percent(left, right, tolerance)


def _same_label(gold: Node, answer: Node, tolerance: float | None) -> bool:
    """Values whose words matter (`at least 5`): the same words before the same value."""
    if gold[0] != answer[0]:
        both_bare = peel(gold), peel(answer)
        return "label" not in (both_bare[0].core[0], both_bare[1].core[0]) and same_scalar(
            both_bare[0].core, both_bare[1].core, tolerance
        )
    return gold[1].casefold() == answer[1].casefold() and same_scalar(gold[2], answer[2], tolerance)


def _conversion(gold: str, answer: str) -> Fraction | None:
    """How many gold units an answer unit is; 1 where one of them says nothing; None where they do not go together."""
    if not (droppable(gold.replace("*", " ")) and droppable(answer.replace("*", " "))):
        return Fraction(1) if gold.casefold() == answer.casefold() else None
    left, right = units.size(gold) if gold else None, units.size(answer) if answer else None
    if left is None or right is None:
        return Fraction(1)
    return right[1] / left[1] if left[0] == right[0] else None


def _scaled(node: Node, scale: Fraction) -> Node:
    return node if scale == 1 else ("mul", (node, ("num", scale, None)))


def _same_percent(left: Peeled, right: Peeled, tolerance: float | None) -> bool:
    """One side has a percent sign: the other may be the number before it (tried already) or its hundredth."""
    if left.percent == right.percent:
        return False
    hundredth = Fraction(1, 100)
    if left.percent:
        return same_value(left.core, ("mul", (right.core, ("num", 1 / hundredth, None))), tolerance)
    return same_value(left.core, ("mul", (right.core, ("num", hundredth, None))), tolerance)


def _same_angle(left: Peeled, right: Peeled, tolerance: float | None) -> bool:
    """Degrees on one side, radians on the other: said so, or evident from a pi."""
    sides = (left, right)
    degrees = next((side for side in sides if side.angle == "deg"), None)
    other = right if degrees is left else left
    if degrees is None or not (other.angle == "rad" or mentions(other.core, ("con", "pi"))):
        return False
    radians = ("mul", (degrees.core, ("con", "pi"), ("inv", ("num", Fraction(180), None))))
    return same_value(radians, other.core, tolerance) if degrees is left else same_value(other.core, radians, tolerance)


def _same_digits(gold: Node, answer: Node) -> bool:
    """Numerals in a base are equal as digits; a numeral without one is taken to be in the other's."""
    gold, answer = (_decimal_numeral(node) for node in (gold, answer))
    if gold[0] == answer[0] == "base":
        return gold[1:] == answer[1:]
    if "base" not in (gold[0], answer[0]):
        return same_value(gold, answer)
    written, other = (gold, answer) if gold[0] == "base" else (answer, gold)
    return other[0] == "num" and other[1] == int(written[1])


def _decimal_numeral(node: Node) -> Node:
    return ("num", Fraction(int(node[1])), None) if node[0] == "base" and node[2] == 10 else node


def _without_unit_letter(answer: Peeled, gold: Node) -> Peeled:
    """`5 m`, `5 m/s^2` for a gold without letters: the letters are units. So are words in a product, for any gold."""
    core = answer.core[1] if answer.core[0] == "neg" else answer.core
    if core[0] != "mul":
        return answer
    plain = not letters(gold)
    marks = [_unit_factor(part, plain) for part in core[1]]
    rest = tuple(part for part, mark in zip(core[1], marks, strict=True) if not mark)
    if not rest or all(not mark for mark in marks) or (plain and any(letters(part) for part in rest)):
        return answer
    inner = rest[0] if len(rest) == 1 else ("mul", rest)
    return replace(
        answer, core=("neg", inner) if core is not answer.core else inner, unit="*".join(mark for mark in marks if mark)
    )


def _unit_factor(node: Node, single: bool) -> str:
    """The unit that a factor is (`single`: letters may be one), or nothing."""
    if node[0] == "text" or (single and node[0] == "sym" and units.is_unit_letter(node[1])):
        return node[1]
    if node[0] == "inv":
        return "*".join(
            f"{one}^-1" if "^" not in one else one.replace("^", "^-")
            for one in _unit_factor(node[1], single).split("*")
            if one
        )
    if node[0] == "pow" and node[2][0] == "num":
        base = _unit_factor(node[1], single)
        return f"{base}^{node[2][1]}" if base else ""
    if node[0] == "mul":
        inner = [_unit_factor(part, single) for part in node[1]]
        return "*".join(inner) if all(inner) else ""
    return ""


def same_value(gold: Node, answer: Node, tolerance: float | None = None) -> bool:
    """Whether two trees without marks and units agree: as constants, or as functions of their letters."""
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
    return close(left, right) or _rounded(gold, left, answer, right) or _tolerated(left, right, tolerance)


def same_function(gold: Node, answer: Node) -> bool:
    """Agreement at several points: at the real ones where there are at least two, else at the complex ones."""
    real, complex_ = [], []
    for point in range(POINTS):
        try:
            left, right = value(gold, point), value(answer, point)
        except Undecidable:
            continue
        (real if is_real(left) and is_real(right) else complex_).append((left, right))
    pairs = real if len(real) >= 2 else real + complex_
    if not pairs:
        return structure(gold) == structure(answer)
    return all(close(left, right) for left, right in pairs)


def _tolerated(left: Value, right: Value, tolerance: float | None) -> bool:
    if not tolerance or not is_real(left) or not is_real(right):
        return False
    return abs(floating(right) - floating(left)) <= abs(floating(left)) * mp.mpf(tolerance) * (1 + mp.mpf(2) ** -40)


def _rounded(gold: Node, left: Value, answer: Node, right: Value) -> bool:
    """One side is a written decimal, the other is exact and rounds to it."""
    if not is_real(left) or not is_real(right):
        return False
    gold_places, answer_places = places(gold), places(answer)
    if (gold_places is None) == (answer_places is None):
        return False
    if gold_places is not None:
        return _digits(left, gold_places) >= _GOLD_DIGITS and _within(right, left, gold_places, Fraction(1, 2))
    if _ends(left):
        return False
    count = _digits(right, answer_places)
    if (
        count >= _CUT_DIGITS
        and abs(floating(right)) < abs(floating(left))
        and _within(left, right, answer_places, Fraction(1))
    ):
        return True
    return count >= _ANSWER_DIGITS and _within(left, right, answer_places, Fraction(1, 2))


def places(node: Node) -> int | None:
    """Digits after the point of a written decimal, its power of ten counted in; None: it is none.

    >>> places(("num", Fraction(5, 2), 1)), places(("num", Fraction(5), None))
    (1, None)
    """
    if node[0] == "neg":
        return places(node[1])
    if node[0] == "num":
        return node[2]
    if node[0] == "mul" and len(node[1]) == 2 and node[1][0][0] == "num" and node[1][1][0] == "pow":
        base, exponent = node[1][1][1:]
        negative = exponent[0] == "neg"
        exponent = exponent[1] if negative else exponent
        if base[:2] == ("num", 10) and exponent[0] == "num" and exponent[1].denominator == 1 and exponent[1] < 1000:
            return (node[1][0][2] or 0) - int(exponent[1]) * (-1 if negative else 1)
    return None


def _digits(number: Value, decimals: int) -> int:
    """Significant digits of a decimal written with so many places."""
    return len(str(int(abs(floating(number)) * mp.mpf(10) ** decimals + mp.mpf(0.5)))) if abs(decimals) < 1000 else 0


def _within(exact: Value, decimal: Value, decimals: int, share: Fraction) -> bool:
    unit = mp.mpf(10) ** -decimals
    return abs(floating(exact) - floating(decimal)) <= unit * share.numerator / share.denominator * (
        1 + mp.mpf(2) ** -40
    )


def _ends(number: Value) -> bool:
    """Whether a value can be written out as a decimal of a few digits, so that a rounded one is wrong."""
    if not isinstance(number, Fraction):
        return False
    scaled = number * 10**_ENDING_DIGITS
    return scaled.denominator == 1
