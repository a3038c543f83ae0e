"""Answer classes: a text for each answer, equal for answers that `verify` holds equal, for maj@k to vote over."""

from evalsuite.grading.arithmetic import Undecidable, digits, quotient, structure
from evalsuite.grading.compare import single
from evalsuite.grading.evaluate import letters, value
from evalsuite.grading.peeled import peel
from evalsuite.grading.reduce import expanded, head, items, reduced
from evalsuite.grading.regions import NoRegion, Region, infinite, region

Node = tuple
_DIGITS = 12


def canonical(node: Node) -> str:
    r"""The class of a tree: numbers exact or to 12 digits, units and marks gone, sets sorted.

    >>> from evalsuite.grading.parse import parse
    >>> canonical(parse("x = 0.50")), canonical(parse(r"\{3, 1\}")), canonical(parse(r"x < 3"))
    ('1/2', '{1;3}', '(-inf,3)')
    """
    inner = single(reduced(node))
    kind = inner[0]
    if kind == "mat":
        rows = ("|".join(canonical(entry) for entry in row) for row in inner[1])
        return (
            f"({';'.join(canonical(row[0]) for row in inner[1])})"
            if all(len(row) == 1 for row in inner[1])
            else f"mat:{';'.join(rows)}"
        )
    if kind == "eq":
        return f"eq:{_equation(inner)}"
    if kind in ("ival", "setop", "set", "build", "rel"):
        return _set(inner)
    if kind == "seq" and inner[1] in ("paren", "brack") and expanded(inner) == [inner]:
        opening, closing = "()" if inner[1] == "paren" else "[]"
        return f"{opening}{';'.join(canonical(part) for part in inner[2])}{closing}"
    if kind in ("seq", "pm") or len(expanded(inner)) > 1:
        return _collection(node if node[0] == "rel" or inner[0] != "seq" else inner)
    return _scalar(inner)


def _set(node: Node) -> str:
    try:
        return _region(region(node))
    except NoRegion:
        return structure(node)


def _region(pieces: Region) -> str:
    return "u".join(
        f"{'[' if one.low_closed else '('}{_end(one.low)},{_end(one.high)}{']' if one.high_closed else ')'}"
        if one.start != one.end
        else f"{{{_end(one.low)}}}"
        for one in pieces
    )


def _end(node: Node) -> str:
    return {1: "inf", -1: "-inf"}.get(infinite(node)) or _scalar(node)


def _collection(node: Node) -> str:
    """Members sorted; values with names of their own keep their order, which stands for the names."""
    parts = items(node)
    if any(reduced(part)[0] in ("rel", "ival", "setop", "build") for part in parts):
        return _set(reduced(node))
    classes = [canonical(part) if part != node else _scalar(peel(part).core) for part in parts]
    names = [head(part) for part in parts]
    if all(names) and len(set(names)) == len(names) > 1 and not names[0].startswith("label"):
        return f"{{{';'.join(one for _, one in sorted(zip(names, classes, strict=True)))}}}"
    return f"{{{';'.join(sorted(classes))}}}"


def _scalar(node: Node) -> str:
    core = peel(node).core
    if core[0] == "base":
        return core[1]
    if core[0] == "text":
        return core[1].casefold()
    try:
        if not letters(core):
            return digits(value(core), _DIGITS)
        return f"expr:{digits(value(core, 0), _DIGITS)}:{digits(value(core, 1), _DIGITS)}"
    except Undecidable:
        return structure(core)


def _equation(node: Node) -> str:
    """The difference of the sides up to a factor: its values at three points, relative to the first."""
    difference = ("add", (node[1], ("neg", node[2])))
    try:
        first, *others = (value(difference, point) for point in (0, 1, 4))
        return ":".join(digits(quotient(other, first), _DIGITS) for other in others)
    except Undecidable:
        return structure(node)
