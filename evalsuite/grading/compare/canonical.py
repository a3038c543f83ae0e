"""Answer classes: a string for each answer, equal for answers that `verify` holds equal. maj@k votes over them."""

from fractions import Fraction

from evalsuite.grading.compare.equations import holds
from evalsuite.grading.compare.expressions import has_set, single
from evalsuite.grading.compare.intervals import NoRegion, Region, infinite, region
from evalsuite.grading.compare.reduce import declared_letters, expanded, items, name_of, named_differently, reduced
from evalsuite.grading.compare.textual import meaning
from evalsuite.grading.read.arithmetic import Undecidable, Value, floating, is_real, mp, quotient, structure
from evalsuite.grading.read.evaluate import letters, mentions, substituted, value
from evalsuite.grading.read.quantities import droppable, quantity_of

Node = tuple
_PLACES = 6  # numbers with at most this many decimals are written exactly
_DIGITS = 6  # significant digits of all others, so that a root and its decimal have the same class
_POINT_DIGITS = 10
_FLIPPED = {">": "<", ">=": "<="}


def canonical(node: Node) -> str:
    r"""The class of a tree: exact whole numbers and short decimals, 6 digits of others, no units, sets sorted.

    >>> from evalsuite.grading.read.parse import parse
    >>> canonical(parse("x = 0.50")), canonical(parse(r"\{3, 1\}")), canonical(parse(r"x < 3")), canonical(parse("1/3"))
    ('0.5', '{1;3}', '(-inf;3)', '0.333333')
    """
    node = _running(_renamed(node))
    inner = single(reduced(node))
    kind = inner[0]
    if kind == "mat":
        return _matrix(inner[1])
    if kind == "eq":
        return _equation(inner)
    if kind == "mod":
        return f"{canonical(inner[1])} mod {canonical(inner[2])}"
    if kind in ("ival", "setop", "set", "build", "rel") or has_set(inner):
        return _set(inner)
    if kind == "seq" and inner[1] in ("paren", "brack") and expanded(inner) == [inner]:
        return _tuple(inner)
    if kind in ("seq", "pm") or len(expanded(inner)) > 1:
        return _collection(node if node[0] == "rel" and node[2] == ("=",) else inner)
    return _scalar(inner)


def _renamed(node: Node) -> Node:
    """A definition such as `f(t) = t + 1` with x as the name of its argument."""
    if node[0] != "rel" or node[2] != ("=",) or node[1][0][0] != "call" or len(node[1][0][2]) != 1:
        return node
    argument = node[1][0][2][0]
    if argument[0] != "sym" or "x" in letters(node[1][1]):
        return node
    return ("rel", (node[1][0], substituted(node[1][1], argument, ("sym", "x"))), ("=",))


def _running(node: Node) -> Node:
    """The tree with k as the name of the letter that runs through the whole numbers, if there is one."""
    free = letters(node)
    found = declared_letters(node) & free
    if not found and mentions(node, ("con", "pi")):
        found = free & {"n", "m", "l"}
    return substituted(node, ("sym", *found), ("sym", "k")) if len(found) == 1 and "k" not in free else node


def _matrix(rows: tuple[tuple[Node, ...], ...]) -> str:
    if all(len(row) == 1 for row in rows):
        return f"({';'.join(canonical(row[0]) for row in rows)})"
    return "mat:" + ";".join("|".join(canonical(entry) for entry in row) for row in rows)


def _tuple(node: Node) -> str:
    if node[1] == "brack" and len(node[2]) > 1 and all(part[0] == "seq" and part[1] == "brack" for part in node[2]):
        return _matrix(tuple(part[2] for part in node[2]))
    opening, closing = "()" if node[1] == "paren" else "[]"
    return f"{opening}{';'.join(_end(part) for part in node[2])}{closing}"


def _set(node: Node) -> str:
    try:
        return _region(region(node))
    except NoRegion:
        return _chain(node) if node[0] == "rel" else structure(node)


def _chain(node: Node) -> str:
    """A chain of comparisons, written with the smaller side first."""
    operands, signs = node[1:]
    if any(sign in _FLIPPED for sign in signs):
        operands, signs = operands[::-1], tuple(_FLIPPED.get(sign, sign) for sign in signs[::-1])
    first, *others = (canonical(one) for one in operands)
    return first + "".join(sign + other for sign, other in zip(signs, others, strict=True))


def _region(pieces: Region) -> str:
    return (
        "empty"
        if not pieces
        else "u".join(
            f"{'[' if one.low_closed else '('}{_end(one.low)};{_end(one.high)}{']' if one.high_closed else ')'}"
            if one.start != one.end
            else f"{{{_end(one.low)}}}"
            for one in pieces
        )
    )


def _end(node: Node) -> str:
    return {1: "inf", -1: "-inf"}.get(infinite(node)) or canonical(node)


def _collection(node: Node) -> str:
    """The members in sorted order, without repetitions if `or` joins them; named values in the order of the names."""
    parts = items(node)
    if any(reduced(part)[0] in ("rel", "ival", "setop", "build") for part in parts):
        return _set(reduced(node))
    classes = [canonical(part) if part != node else _scalar(part) for part in parts]
    names = [name_of(part) for part in parts]
    if named_differently(names):
        return f"({';'.join(one for _, one in sorted(zip(names, classes, strict=True)))})"
    if node[0] == "seq" and node[3] == "or":
        classes = list(dict.fromkeys(classes))
    return classes[0] if len(classes) == 1 else f"{{{';'.join(sorted(classes))}}}"


def _scalar(node: Node) -> str:
    quantity = quantity_of(node)
    core = quantity.core
    if core[0] == "label":
        return f"{core[1].casefold()} {canonical(core[2])}"
    if quantity.unit and not droppable(quantity.unit.replace("*", " ")):
        return f"{canonical(core)} {quantity.unit.casefold()}"
    if core[0] == "base":
        return core[1]
    if core[0] == "text":
        return meaning(core[1])
    if infinite(core):
        return _end(core)
    try:
        return _number(value(core)) if not letters(core) else _function(core)
    except Undecidable:
        return structure(core)


def _number(number: Value) -> str:
    """Whole numbers and short decimals exactly, all others to 6 significant digits."""
    if isinstance(number, Fraction) and (number * 10**_PLACES).denominator == 1:
        if number.denominator == 1:
            return str(number) if abs(number) < 10**1000 else f"#{hash(number):x}"
        return f"{float(number):.{_PLACES}f}".rstrip("0") if abs(number) < 10**9 else str(number)
    return _rounded(number, _DIGITS)


def _rounded(number: Value, digits: int) -> str:
    if is_real(number):
        return mp.nstr(floating(number), digits)
    return f"{mp.nstr(number.real, digits)}+{mp.nstr(number.imag, digits)}i"


def _function(node: Node) -> str:
    """The values at three points, with small, larger and negative letters; the last one only if it is real."""
    values = [value(node, 0), value(node, 1)]
    try:
        negative = value(node, 2)
        values += [negative] if is_real(negative) else []
    except Undecidable:
        pass
    if all(one == values[0] for one in values):
        return _number(values[0])
    return "expr:" + ":".join(_rounded(one, _POINT_DIGITS) for one in values)


def _equation(node: Node) -> str:
    """The difference of the two sides up to a factor; for an identity, its right-hand side."""
    difference = ("add", (node[1], ("neg", node[2])))
    if holds(difference):
        return canonical(node[2])
    try:
        first, *others = (value(difference, point) for point in (0, 1, 4))
        return "eq:" + ":".join(_rounded(quotient(other, first), _POINT_DIGITS) for other in others)
    except Undecidable:
        return f"eq:{structure(node)}"
