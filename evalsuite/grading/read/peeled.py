"""Values and what is written around them: units, percent signs, degrees, labels."""

from dataclasses import dataclass, replace
from fractions import Fraction

from evalsuite.grading.read import units
from evalsuite.grading.read.phrases import droppable

Node = tuple


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
    parts = (scaled(part[1], size[1] / sizes[0][1]) for part, size in zip(node[1], sizes, strict=True))
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


def without_units(answer: Peeled) -> Peeled:
    """A product's factors that are words are its unit."""
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
    """The unit that a factor is, or nothing; `single`: beside words, letters are units too."""
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
    return node if scale == 1 else ("mul", (node, ("num", scale, None)))
