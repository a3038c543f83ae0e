"""How trees are put together: sums with one unit, marks on lists, lists without declarations."""

import itertools

from evalsuite.grading.read.evaluate import mentions
from evalsuite.grading.read.units import size

Node = tuple


def product(factors: list[Node]) -> Node:
    return factors[0] if len(factors) == 1 else ("mul", tuple(factors))


def summed(terms: list[Node]) -> Node | None:
    if len(terms) < 2:
        return terms[0] if terms else None
    last = terms[-1]
    if last[0] == "cond":
        return ("cond", summed([*terms[:-1], last[1]]), last[2])
    negative = last[0] == "neg"
    inner = last[1] if negative else last
    if inner[0] == "unit" and not any(
        term[0] == "unit" or (term[0] == "neg" and term[1][0] == "unit") for term in terms[:-1]
    ):
        bare = ("neg", inner[1]) if negative else inner[1]
        return ("unit", ("add", (*terms[:-1], bare)), inner[2])
    return ("add", tuple(terms))


def marked(mark: str, node: Node, *unit: str) -> Node:
    """A unit or mark after a list belongs to each of its members."""
    if node[0] == "seq":
        return (*node[:2], tuple(marked(mark, part, *unit) for part in node[2]), *node[3:])
    return (mark, node, *unit)


def has_number(node: Node) -> bool:
    return node[0] in ("num", "pct", "deg") or any(
        has_number(part) for part in node if isinstance(part, tuple) and part
    )


def listed(items: list[Node], joins: list[str]) -> Node:
    r"""A list without the declarations of letters (`k \in \mathbb{Z}`).

    Groups of one size between semicolons, or of the same named values between `or` and `and`, are tuples.
    """
    kept = [item for item in items if not _declares(item, items)]
    if len(kept) < len(items):
        said = " ".join(declared(item) for item in items if _declares(item, items))
        joins = joins[: len(kept) - 1]
        items = [("cond", item, said) for item in kept]
        if len(items) == 1:
            return items[0]
    if joins and set(joins) <= {"and", ","} and _measures(items):
        return ("add", tuple(items))
    joined = next((join for join in ("or", "and", ";", ",") if join in joins), ",")
    if joined in ("or", "and", ";") and "," in joins:
        groups: list[list[Node]] = [[items[0]]]
        for join, item in zip(joins, items[1:], strict=True):
            groups.append([item]) if join == joined else groups[-1].append(item)
        named = all(item[0] == "rel" and item[2] == ("=",) for item in items)
        repeated = len({tuple(item[1][0] for item in group if item[0] == "rel") for group in groups}) == 1
        if (
            len({len(group) for group in groups}) == 1
            and len(groups[0]) > 1
            and ((named and repeated) or joined == ";")
        ):
            items = [("seq", "paren", tuple(group), ",") for group in groups]
    return ("seq", "bare", tuple(items), joined if joined in ("or", "and") else ",")


def _measures(items: list[Node]) -> bool:
    """`2 hours and 30 minutes`: one quantity in units of the same kind, ever smaller."""
    sizes = [size(item[2]) if item[0] == "unit" else None for item in items]
    if None in sizes or len({one[0] for one in sizes}) > 1:
        return False
    return all(one[1] > two[1] for one, two in itertools.pairwise(sizes))


def _declares(item: Node, items: list[Node]) -> bool:
    """Whether an item only says what kind of number a letter of another item is."""
    if item[0] != "rel" or item[2] != ("in",) or item[1][0][0] != "sym" or item[1][1][0] not in ("set", "sym"):
        return False
    return any(mentions(other, item[1][0]) for other in items if other is not item)


def declared(item: Node) -> str:
    return f"{item[1][0][1]} in {item[1][1][1]}"


def label_words(node: Node) -> str:
    return (
        node[1]
        if node[0] != "label"
        else f"{node[1]} {label_words(node[2])}"
        if node[2][0] in ("text", "sym", "label")
        else node[1]
    )
