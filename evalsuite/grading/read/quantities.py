"""Separate a value from what is written around it: a unit, a percent sign, a degree sign, words."""

from dataclasses import dataclass, replace
from fractions import Fraction

from evalsuite.grading.read import units

QUALIFIERS = frozenset(
    "not no never none neither nor without except least most than less more fewer greater over under above below "
    "about between up"
    " approximately roughly cannot before after another other".split()
)
_ENDING = frozenset(("is", "are", "equals", "be", "was", "were", "of", "to", "get", "have", "obtain", "by"))
_LONGEST_LABEL = 4


def droppable(label: str) -> bool:
    """Whether the words before or after a value only name it, so that they can be left out.

    >>> droppable("Area"), droppable("the total cost is"), droppable("at least"), droppable("no more than")
    (True, True, False, False)
    """
    found = label.casefold().split()
    if QUALIFIERS & set(found):
        return False
    return len(found) <= _LONGEST_LABEL or found[-1] in _ENDING


Node = tuple


@dataclass(frozen=True)
class Quantity:
    """A value (`core`) and what was written around it."""

    core: Node
    percent: bool = False
    angle: str = ""  # "deg", "rad" or nothing
    unit: str = ""


def quantity_of(node: Node) -> Quantity:
    """Take units, percent signs, degree signs and labels off a value.

    >>> quantity_of(("neg", ("pct", ("sym", "x"))))
    Quantity(core=('neg', ('sym', 'x')), percent=True, angle='', unit='')
    """
    kind = node[0]
    if kind == "label" and droppable(node[1]):
        return quantity_of(node[2])
    if kind == "neg":
        inner = quantity_of(node[1])
        return replace(inner, core=("neg", inner.core))
    if kind == "pct":
        return replace(quantity_of(node[1]), percent=True)
    if kind == "deg":
        return replace(quantity_of(node[1]), angle="deg")
    if kind == "mod":
        return quantity_of(node[1])
    if kind == "add" and all(part[0] in ("deg", "neg") for part in node[1]):
        parts = [quantity_of(part) for part in node[1]]
        if all(part.angle == "deg" for part in parts):
            return Quantity(("add", tuple(part.core for part in parts)), angle="deg")
    if kind == "add" and all(part[0] == "unit" for part in node[1]):
        return _compound(node)
    if kind == "unit":
        return _with_unit(quantity_of(node[1]), node[2])
    return Quantity(node)


def _compound(node: Node) -> Quantity:
    """`2 hours 30 minutes` in hours, the first of its units; unchanged if the units measure different things."""
    sizes = [units.size(part[2]) for part in node[1]]
    if None in sizes or len({size[0] for size in sizes}) > 1:
        return Quantity(node)
    parts = (scaled(part[1], size[1] / sizes[0][1]) for part, size in zip(node[1], sizes, strict=True))
    return Quantity(("add", tuple(parts)), unit=node[1][0][2])


def _with_unit(inner: Quantity, unit: str) -> Quantity:
    size = units.size(unit)
    if size == ((("angle", 1),), 1):
        return replace(inner, angle="deg")
    if size == ((("radians", 1),), 1):
        return replace(inner, angle="rad")
    if inner.angle == "deg" and unit in ("C", "F"):
        return replace(inner, angle="", unit=unit)
    return replace(inner, unit=unit if not inner.unit else f"{inner.unit}*{unit}")


def units_from_factors(answer: Quantity) -> Quantity:
    """The quantity with those factors of its value that are words moved into its unit."""
    core = answer.core[1] if answer.core[0] == "neg" else answer.core
    if core[0] != "mul":
        return answer
    marks = [_unit_factor(part) for part in core[1]]
    rest = tuple(part for part, mark in zip(core[1], marks, strict=True) if not mark)
    if not rest or not any(marks):
        return answer
    inner = rest[0] if len(rest) == 1 else ("mul", rest)
    return replace(
        answer, core=("neg", inner) if core is not answer.core else inner, unit="*".join(filter(None, marks))
    )


def _unit_factor(node: Node, single: bool = False) -> str:
    """The unit that a factor is, or "". With `single`, a single letter may be a unit too, as it may beside words."""
    if node[0] == "text" or (single and node[0] == "sym" and units.is_unit_letter(node[1])):
        return node[1]
    if node[0] == "inv":
        return "*".join(_inverse(one) for one in _unit_factor(node[1], single).split("*") if one)
    if node[0] == "pow" and node[2][0] == "num":
        base = _unit_factor(node[1], single)
        return f"{base}^{node[2][1]}" if base else ""
    if node[0] == "mul":
        beside = single or any(_unit_factor(part) for part in node[1])
        inner = [_unit_factor(part, beside) for part in node[1]]
        return "*".join(inner) if all(inner) else ""
    return ""


def _inverse(unit: str) -> str:
    return unit.replace("^", "^-") if "^" in unit else f"{unit}^-1"


def scaled(node: Node, scale: Fraction) -> Node:
    """The tree times a number."""
    return node if scale == 1 else ("mul", (node, ("num", scale, None)))
