"""Lists, sets and tuples: which order matters, which names matter, and what a ± stands for."""

import re
from collections.abc import Callable

from evalsuite.grading.compare.reduce import head, items, named_apart, reduced

Node = tuple
Same = Callable[[Node, Node], bool]
_MOST_ITEMS = 200


def same_lists(gold: Node, answer: Node, same: Same) -> bool:
    """Tuples agree place by place; what is listed without order agrees in any; names, where both give them, bind."""
    left, right = _open(gold), _open(answer)
    if left is None or right is None:
        return False
    (left_ordered, ones), (right_ordered, twos) = left, right
    if len(ones) == len(twos) == 1 and ones[0] in (gold, reduced(gold)) and twos[0] in (answer, reduced(answer)):
        return False  # no lists at all
    if len(ones) != len(twos) or len(ones) > _MOST_ITEMS:
        return _same_distinct(gold, answer, ones, twos, same) if not left_ordered and not right_ordered else False
    ones, twos = _arranged(ones), _arranged(twos)
    if left_ordered == right_ordered == "brack" or left_ordered == right_ordered == "paren":
        return _in_order(ones, twos, same)
    if left_ordered and right_ordered:  # (1, 2) and [1, 2]: an open and a closed interval, or a point
        return len(ones) != 2 and _in_order(ones, twos, same)
    if left_ordered or right_ordered:  # but [1, 2] is an interval, not the numbers 1, 2
        return ("brack" not in (left_ordered, right_ordered) or len(ones) != 2) and _in_order(ones, twos, same)
    return _by_name(ones, twos, same)


def _open(node: Node) -> tuple[str, list[Node]] | None:
    """("paren" or "brack" for an ordered list, else "", its items)."""
    inner = reduced(node)
    while inner[0] == "seq" and inner[1] in ("bare", "brace") and len(inner[2]) == 1:
        node = inner[2][0]
        inner = reduced(node)
    if inner[0] == "seq" and inner[1] in ("paren", "brack"):
        opened = items(inner)
        return (inner[1], list(inner[2])) if opened == [inner] else ("", opened)
    return "", items(node if node[0] != "rel" or inner[0] != "seq" else inner)


def _arranged(parts: list[Node]) -> list[Node]:
    """`y = 2, x = 1` in the order of its letters: it names the point (1, 2)."""
    names = [head(part) for part in parts]
    if not named_apart(names) or any(re.fullmatch(r"\(sym,[a-z]\)", name) is None for name in names):
        return parts
    return [part for _, part in sorted(zip(names, parts, strict=True), key=lambda pair: pair[0])]


def _in_order(ones: list[Node], twos: list[Node], same: Same) -> bool:
    return len(ones) == len(twos) and all(same(one, two) for one, two in zip(ones, twos, strict=True))


def _by_name(ones: list[Node], twos: list[Node], same: Same) -> bool:
    left, right = [head(one) for one in ones], [head(two) for two in twos]
    if all(left) and len(set(left)) == len(left) > 1 and set(left) == set(right):
        return all(same(one, twos[right.index(name)]) for name, one in zip(left, ones, strict=True))
    counted, others = _things(ones), _things(twos)
    if counted and set(counted) == set(others):
        return all(same(one, twos[others.index(name)]) for name, one in zip(counted, ones, strict=True))
    told = any(
        part[0] == "label" and len(part[1].split()) > 2 for part in (*ones, *twos)
    )  # a sentence says which is which
    if told or named_apart(left) or named_apart(right):  # x = 1, y = 2 for 1, 2
        return _in_order(ones, twos, same)
    return _in_any_order(ones, twos, same)


def _things(parts: list[Node]) -> list[str]:
    """What each number of a list counts, `red` and `blue`, where that tells them apart."""
    counted = [part[2].partition("*")[0] if part[0] == "unit" else "" for part in map(reduced, parts)]
    return counted if all(counted) and len(set(counted)) == len(counted) > 1 else []


def _in_any_order(ones: list[Node], twos: list[Node], same: Same) -> bool:
    """Every item has a partner of its own; sameness is nearly transitive, so the first partner will do."""
    left = list(twos)
    for one in ones:
        found = next((index for index, two in enumerate(left) if same(one, two)), None)
        if found is None:
            return False
        del left[found]
    return not left


def _same_distinct(gold: Node, answer: Node, ones: list[Node], twos: list[Node], same: Same) -> bool:
    """A set names nothing twice: repeated members count once where braces say it is one."""
    if "brace" not in (reduced(gold)[1:2] + reduced(answer)[1:2]) or max(len(ones), len(twos)) > 50:
        return False
    return _in_any_order(_unrepeated(ones, same), _unrepeated(twos, same), same)


def _unrepeated(parts: list[Node], same: Same) -> list[Node]:
    kept: list[Node] = []
    for part in parts:
        if not any(same(one, part) for one in kept):
            kept.append(part)
    return kept
