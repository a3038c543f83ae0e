"""Reduce a tree to what it answers: `x = 5` answers 5, `x in S` answers S, and `a ± b` answers two values."""

import itertools

from evalsuite.grading.read.arithmetic import structure
from evalsuite.grading.read.evaluate import letters
from evalsuite.grading.read.quantities import droppable
from evalsuite.grading.read.vocabulary import CALLED

Node = tuple
_MAX_EXPANDED = 64


def reduced(node: Node) -> Node:
    """The node without labels, conditions and names. An equation that does not name a value is ("eq", left, right).

    >>> reduced(("rel", (("sym", "x"), ("num", 5, None)), ("=",)))
    ('num', 5, None)
    """
    kind = node[0]
    if kind == "cond":
        return reduced(node[1])
    if kind == "label":
        return reduced(node[2]) if droppable(node[1]) else node
    if kind == "unit" and node[1][0] in ("rel", "label"):
        return reduced(node[1])
    if kind == "rel":
        return _relation(node)
    if kind == "build" and _names(node[2]) == node[1]:  # {x | x = ...}
        return reduced(node[2])
    if kind == "mul":
        return _scaled_matrix(node)
    return node


def _scaled_matrix(node: Node) -> Node:
    """A product of one matrix and other factors as a matrix, multiplied out."""
    matrices = [part for part in node[1] if part[0] == "mat"]
    if len(matrices) != 1:
        return node
    rest = tuple(part for part in node[1] if part[0] != "mat")
    return ("mat", tuple(tuple(("mul", (*rest, entry)) for entry in row) for row in matrices[0][1]))


def _names(condition: Node) -> Node | None:
    """The name that a condition such as `x = 2k` gives a value to; None if it is not of this form."""
    while condition[0] == "cond":
        condition = condition[1]
    return condition[1][0] if condition[0] == "rel" and condition[2] == ("=",) and is_name(condition[1][0]) else None


def _relation(node: Node) -> Node:
    operands, operators = node[1], node[2]
    if "~" in operators and all(operator in "=~" for operator in operators):
        cut = operators.index("~") + 1
        if cut == 1 and is_name(operands[0]):
            return reduced(operands[1])
        operands, operators = operands[:cut], operators[: cut - 1]
        if not operators:
            return reduced(operands[0])
    if all(operator == "=" for operator in operators):
        return _equality(operands)
    if operators[-1] == "in" and all(operator in ("=", "in") for operator in operators):
        return reduced(operands[-1]) if all(is_name(one) for one in operands[:-1]) else ("rel", operands, operators)
    if operators == ("notin",):
        return ("setop", "-", ("set", "R"), reduced(operands[1]))
    if operators == ("==",) and is_name(operands[0]):
        return operands[1]
    if "to" in operators:  # an implication: its end is the answer
        last = len(operators) - operators[::-1].index("to")
        return reduced(("rel", operands[last:], operators[last:]) if operators[last:] else operands[last])
    return ("rel", operands, operators)


def _equality(operands: tuple[Node, ...]) -> Node:
    """What a chain of equalities answers: the value of a name, the end of a calculation, or an equation."""
    first, last = operands[0], operands[-1]
    if all(is_name(one) for one in operands[:-1]):
        return reduced(last)
    if is_name(last) and not letters(first) and len(operands) == 2:
        return reduced(first)
    if len(operands) > 2 and (is_name(first) or not letters(last)):
        return reduced(last)
    if len(operands) == 2 and first[0] == "big" and (first[1] not in ("sum", "prod") or not letters(last)):
        return reduced(last)
    if len(operands) == 2:
        return ("eq", first, last) if letters(first) or letters(last) else reduced(last)
    return ("seq", "bare", tuple(("eq", first, other) for other in operands[1:]), ",")


def is_name(node: Node) -> bool:
    """Whether a left-hand side only names the right-hand side: x, f(x), AB, P(A), the area, (x, y), dy/dx.

    >>> is_name(("sym", "x")), is_name(("mul", (("num", 2, None), ("sym", "x"))))
    (True, False)
    """
    kind = node[0]
    if kind in ("sym", "call", "text", "con"):
        return True
    if kind == "setop":  # such as the union of two sets with names
        return is_name(node[2]) and is_name(node[3])
    if kind in ("seq", "unit"):
        return all(is_name(part) for part in node[2]) if kind == "seq" else node[1][0] == "text"
    if kind == "label":
        return is_name(node[2])
    if kind == "fn" and node[1] == "abs":
        return node[2][0][0] == "mul" and is_name(node[2][0])
    if kind == "pow":
        return node[1][0] == "sym" and node[1][1] in CALLED
    return kind == "mul" and (_capitals(node[1]) or _derivative(node[1]) or _inverse_function(node[1]))


def _capitals(parts: tuple[Node, ...]) -> bool:
    """Whether the factors are the points of a figure, perhaps after a symbol for an angle or a triangle."""
    names = [part[1] if part[0] in ("sym", "con") else "" for part in parts]
    if names[0] in ("angle", "triangle", "measuredangle", "Delta", "m"):
        names = names[2:] if names[0] == "m" and names[1:2] == ["angle"] else names[1:]
        return all(name[:1].isalpha() for name in names)
    return all(name[:1].isupper() or name.startswith("complement") for name in names)


def _derivative(parts: tuple[Node, ...]) -> bool:
    return (
        len(parts) == 2
        and parts[1][0] == "inv"
        and all("d" in letters(part) or "partial" in letters(part) for part in parts)
    )


def _inverse_function(parts: tuple[Node, ...]) -> bool:
    return parts[0][0] == "pow" and parts[0][1][0] == "sym" and parts[0][1][1] in CALLED and len(parts) == 2


def declared_letters(node: Node) -> frozenset[str]:
    """The letters that a condition in the tree declares to be whole numbers or constants: `for integers k`.

    >>> sorted(declared_letters(("cond", ("sym", "k"), "for some integer k")))
    ['k']
    """
    if not isinstance(node, tuple) or not node:
        return frozenset()
    if node[0] == "cond":
        words = node[2].split()
        whole = any(
            word in ("Z", "N") or word.startswith(("integer", "natural", "whole", "constant", "arbitrary"))
            for word in words
        )
        return frozenset(word for word in words if whole and len(word) == 1 and word.islower() and word != "a")
    return frozenset().union(*(declared_letters(part) for part in node))


def name_of(node: Node) -> str:
    """The name or label that an item gives to its value, or "".

    >>> name_of(("rel", (("sym", "x"), ("num", 5, None)), ("=",)))
    '(sym,x)'
    """
    if node[0] == "rel" and set(node[2]) == {"="} and is_name(node[1][0]):
        return structure(node[1][0])
    if node[0] == "label":
        return f"label {node[1]}"
    return ""


def named_differently(names: list[str]) -> bool:
    """Whether all items have different names, such as x and y. Labels do not count, nor do x_1 and x_2.

    >>> named_differently(["(sym,x)", "(sym,y)"]), named_differently(["(sym,x_1)", "(sym,x_2)"])
    (True, False)
    """
    if not all(names) or len(set(names)) < len(names) or len(names) < 2 or names[0].startswith("label"):
        return False
    return len({name.partition("_")[0] for name in names}) == len(names)


def items(node: Node) -> list[Node]:
    """The items of a list, including those of nested lists; an item with ± is two items."""
    if node[0] == "cond":
        return items(node[1])
    if node[0] == "seq" and node[1] in ("bare", "brace"):
        found = [one for part in node[2] for one in items(part)]
    elif (
        node[0] == "rel"
        and set(node[2]) == {"="}
        and is_name(node[1][0])
        and reduced(node)[0] in ("seq", "pm", "add", "mul")
    ):
        inner = reduced(node)
        opened = items(inner) if inner[0] != "seq" or inner[1] in ("bare", "brace") else [inner]
        found = [node] if opened == [inner] else [("rel", (node[1][0], one), ("=",)) for one in opened]
    else:
        found = expanded(node)
    return found


def expanded(node: Node) -> list[Node]:
    """The node once for each choice of its ± signs: one choice for a whole value, separate ones in a tuple.

    >>> expanded(("pm", None, ("sym", "a"), "pm"))
    [('sym', 'a'), ('neg', ('sym', 'a'))]
    """
    if node[0] == "seq" and node[1] == "paren":
        parts = [expanded(part) for part in node[2]]
        if all(len(choice) == 1 for choice in parts):
            return [node]
        choices = list(itertools.islice(itertools.product(*parts), _MAX_EXPANDED))
        return [("seq", "paren", choice, node[3]) for choice in choices]
    if not _has_sign(node):
        return [node]
    return [signed(node, 1), signed(node, -1)]


def _has_sign(node: Node) -> bool:
    if not isinstance(node, tuple) or not node or node[0] in ("num", "sym"):
        return False
    return node[0] == "pm" or any(_has_sign(part) for part in node if isinstance(part, tuple))


def signed(node: Node, choice: int) -> Node:
    """A tree with + in place of ± and - in place of ∓ if `choice` is 1, and the other way round if it is -1."""
    if not isinstance(node, tuple) or not node:
        return node
    if node[0] == "pm":
        right = signed(node[2], choice)
        right = right if (choice == 1) == (node[3] == "pm") else ("neg", right)
        return right if node[1] is None else ("add", (signed(node[1], choice), right))
    return tuple(signed(part, choice) for part in node)
