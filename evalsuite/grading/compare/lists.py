"""Compare lists, sets and tuples: whether the order of the items matters, and whether their names do."""

import re
from collections.abc import Callable

from evalsuite.grading.compare.reduce import items, name_of, named_differently, reduced

Node = tuple
Same = Callable[[Node, Node], bool]
_MOST_ITEMS = 200


def same_lists(gold: Node, answer: Node, same: Same) -> bool:
    """Whether two lists agree: tuples place by place, other lists in any order, and named values by name."""
    left, right = _open(gold), _open(answer)
    if left is None or right is None:
        return False
    (left_ordered, ones), (right_ordered, twos) = left, right
    if len(ones) == len(twos) == 1 and ones[0] in (gold, reduced(gold)) and twos[0] in (answer, reduced(answer)):
        return False  # neither is a list
    if len(ones) != len(twos) or len(ones) > _MOST_ITEMS:
        return False
    ones, twos = _arranged(ones), _arranged(twos)
    if left_ordered == right_ordered == "brack" or left_ordered == right_ordered == "paren":
        return _in_order(ones, twos, same)
    if left_ordered and right_ordered:  # (1, 2) and [1, 2] may be an open and a closed interval
        return len(ones) != 2 and _in_order(ones, twos, same)
    if left_ordered or right_ordered:  # [1, 2] is an interval, not the list 1, 2
        return ("brack" not in (left_ordered, right_ordered) or len(ones) != 2) and _in_order(ones, twos, same)
    return _by_name(ones, twos, same)


def _open(node: Node) -> tuple[str, list[Node]] | None:
    """(kind, items) of a list; the kind is "paren" or "brack" for an ordered list, and "" for others."""
    inner = reduced(node)
    while inner[0] == "seq" and inner[1] in ("bare", "brace") and len(inner[2]) == 1:
        node = inner[2][0]
        inner = reduced(node)
    if inner[0] == "seq" and inner[1] in ("paren", "brack"):
        opened = items(inner)
        return (inner[1], list(inner[2])) if opened == [inner] else ("", opened)
    return "", items(node if node[0] != "rel" or inner[0] != "seq" else inner)


def _arranged(parts: list[Node]) -> list[Node]:
    """Values of different letters, such as `y = 2, x = 1`, in the order of the letters; other lists unchanged."""
    names = [name_of(part) for part in parts]
    if not named_differently(names) or any(re.fullmatch(r"\(sym,[a-z]\)", name) is None for name in names):
        return parts
    return [part for _, part in sorted(zip(names, parts, strict=True), key=lambda pair: pair[0])]


def _in_order(ones: list[Node], twos: list[Node], same: Same) -> bool:
    return len(ones) == len(twos) and all(same(one, two) for one, two in zip(ones, twos, strict=True))


def _by_name(ones: list[Node], twos: list[Node], same: Same) -> bool:
    left, right = [name_of(one) for one in ones], [name_of(two) for two in twos]
    if all(left) and len(set(left)) == len(left) > 1 and set(left) == set(right):
        return all(same(one, twos[right.index(name)]) for name, one in zip(left, ones, strict=True))
    counted, others = _things(ones), _things(twos)
    if counted and set(counted) == set(others):
        return all(same(one, twos[others.index(name)]) for name, one in zip(counted, ones, strict=True))
    labelled = any(part[0] == "label" and len(part[1].split()) > 2 for part in (*ones, *twos))
    if labelled or named_differently(left) or named_differently(right):  # `x = 1, y = 2` against `1, 2`
        return _in_order(ones, twos, same)
    return _in_any_order(ones, twos, same)


def _things(parts: list[Node]) -> list[str]:
    """The units of a list such as `4 red, 6 blue`, if they are all different; else an empty list."""
    counted = [part[2].partition("*")[0] if part[0] == "unit" else "" for part in map(reduced, parts)]
    return counted if all(counted) and len(set(counted)) == len(counted) > 1 else []


def _in_any_order(ones: list[Node], twos: list[Node], same: Same) -> bool:
    """Whether each item has a partner of its own in the other list.

    The first partner found is taken, because being the same is nearly transitive.
    """
    left = list(twos)
    for one in ones:
        found = next((index for index, two in enumerate(left) if same(one, two)), None)
        if found is None:
            return False
        del left[found]
    return not left
