"""Put trees together: sums with one unit, units and marks on lists, lists without declarations of letters."""

import itertools

from evalsuite.grading.read.evaluate import mentions
from evalsuite.grading.read.units import size

Node = tuple


def product_of(factors: list[Node]) -> Node:
    return factors[0] if len(factors) == 1 else ("mul", tuple(factors))


def sum_of(terms: list[Node]) -> Node | None:
    """The sum of the terms. A unit after the last term is the unit of the sum if no other term has one."""
    if len(terms) < 2:
        return terms[0] if terms else None
    last = terms[-1]
    if last[0] == "cond":
        return ("cond", sum_of([*terms[:-1], last[1]]), last[2])
    negative = last[0] == "neg"
    inner = last[1] if negative else last
    if inner[0] == "unit" and not any(
        term[0] == "unit" or (term[0] == "neg" and term[1][0] == "unit") for term in terms[:-1]
    ):
        bare = ("neg", inner[1]) if negative else inner[1]
        return ("unit", ("add", (*terms[:-1], bare)), inner[2])
    return ("add", tuple(terms))


def with_mark(mark: str, node: Node, *unit: str) -> Node:
    """The node with a mark (`pct`, `deg`) or unit; one after a list goes to each of its members."""
    if node[0] == "seq":
        return (*node[:2], tuple(with_mark(mark, part, *unit) for part in node[2]), *node[3:])
    return (mark, node, *unit)


def has_number(node: Node) -> bool:
    return node[0] in ("num", "pct", "deg") or any(
        has_number(part) for part in node if isinstance(part, tuple) and part
    )


def list_of(items: list[Node], joins: list[str]) -> Node:
    r"""The list of some items, of which `joins` gives the separators.

    Items that only declare a letter (`k \in \mathbb{Z}`) become conditions of the others. Groups of equal size between
    semicolons are tuples, and so are groups between `or` or `and` that give values to the same names.
    """
    kept = [item for item in items if not _declares(item, items)]
    if len(kept) < len(items):
        said = " ".join(declaration(item) for item in items if _declares(item, items))
        joins = joins[: len(kept) - 1]
        items = [("cond", item, said) for item in kept]
        if len(items) == 1:
            return items[0]
    if joins and set(joins) <= {"and", ","} and _measures(items):
        return ("add", tuple(items))
    joined = next((join for join in ("or", "and", ";", ",") if join in joins), ",")
    if joined in ("or", "and", ";") and "," in joins:
        items = _tuples(items, joins, joined) or items
    return ("seq", "bare", tuple(items), joined if joined in ("or", "and") else ",")


def _tuples(items: list[Node], joins: list[str], joined: str) -> list[Node] | None:
    """The groups of items between the separator `joined` as tuples; None if they are not tuples."""
    groups: list[list[Node]] = [[items[0]]]
    for join, item in zip(joins, items[1:], strict=True):
        groups.append([item]) if join == joined else groups[-1].append(item)
    if len({len(group) for group in groups}) > 1 or len(groups[0]) < 2:
        return None
    named = all(item[0] == "rel" and item[2] == ("=",) for item in items)
    same_names = named and len({tuple(item[1][0] for item in group) for group in groups}) == 1
    return [("seq", "paren", tuple(group), ",") for group in groups] if same_names or joined == ";" else None


def _measures(items: list[Node]) -> bool:
    """Whether the items are one quantity in ever smaller units, such as `2 hours and 30 minutes`."""
    sizes = [size(item[2]) if item[0] == "unit" else None for item in items]
    if None in sizes or len({one[0] for one in sizes}) > 1:
        return False
    return all(one[1] > two[1] for one, two in itertools.pairwise(sizes))


def _declares(item: Node, items: list[Node]) -> bool:
    """Whether an item only declares what kind of number a letter of another item is."""
    if item[0] != "rel" or item[2] != ("in",) or item[1][0][0] != "sym" or item[1][1][0] not in ("set", "sym"):
        return False
    return any(mentions(other, item[1][0]) for other in items if other is not item)


def declaration(item: Node) -> str:
    """A declaration in words: `k in Z`."""
    return f"{item[1][0][1]} in {item[1][1][1]}"


def label_words(node: Node) -> str:
    """The words of a text node, or of a label and the words after it."""
    if node[0] == "label" and node[2][0] in ("text", "sym", "label"):
        return f"{node[1]} {label_words(node[2])}"
    return node[1]
