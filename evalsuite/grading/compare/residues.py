r"""Residue classes: `n \equiv 1, 3 \pmod 4`, `n = 4k + 1 or 4k + 3`, "odd numbers", "multiples of 6"."""

import re
from fractions import Fraction

from evalsuite.grading.compare.reduce import items, reduced
from evalsuite.grading.compare.textual import words
from evalsuite.grading.read.arithmetic import Undecidable
from evalsuite.grading.read.evaluate import letters, substituted, value

Node = tuple
Residues = tuple[int, frozenset[int]]
_CONGRUENT = re.compile(
    r"(?:congruent to|equiv|leaves? (?:a )?remainders? (?:of )?)\s?(?P<list>-?\d+(?:[ ,]+(?:or |and )?-?\d+)*)"
    r" (?:modulo|pmod|bmod|mod|when divided by|upon division by) (?P<modulus>\d+)"
)
_PLAIN = re.compile(r"(?:[a-z] )?(?:= |equiv )?(-?\d+) mod (\d+)$")
_MULTIPLES = re.compile(r"(?:multiples? of|divisible by) (\d+)$|^(\d+) (?:mid|divides) [a-z]$")
_LARGEST = 10**6


def residues(text: str, tree: Node | None) -> tuple[Residues, bool] | None:
    r"""((modulus, residues), whether it was said as a congruence) of an answer; None where it is no such set.

    >>> residues("congruent to 1 or 4 modulo 5", None)
    ((5, frozenset({1, 4})), True)
    """
    said = " ".join(words(text.replace(",", " , ")))
    match = _CONGRUENT.search(said)
    if match:
        modulus = int(match.group("modulus"))
        return _reduced(modulus, re.findall(r"-?\d+", match.group("list"))), True
    match = _PLAIN.fullmatch(said)
    if match:
        return _reduced(int(match.group(2)), [match.group(1)]), True
    match = _MULTIPLES.search(said)
    if match and "not" not in said.split():
        return _reduced(int(match.group(match.lastindex)), ["0"]), True
    for name, residue in (("odd", "1"), ("even", "0")):
        if re.fullmatch(
            rf"(?:n is )?(?:all )?(?:positive )?{name}(?: (?:positive )?(?:integers|numbers|n)|(?<=is {name}))"
            rf"|n {name}",
            said,
        ):
            return _reduced(2, [residue]), True
    linear = _linear(tree) if tree is not None else None
    return (linear, False) if linear else None


def same_residues(gold: str, answer: str, gold_tree: Node | None, answer_tree: Node | None) -> bool:
    """Equal classes, at least one of them said as a congruence: `4k + 1` alone may be a number."""
    one, two = residues(gold, gold_tree), residues(answer, answer_tree)
    return one is not None and two is not None and (one[1] or two[1]) and one[0] == two[0]


def _reduced(modulus: int, found: list[str]) -> Residues:
    modulus = max(1, min(modulus, _LARGEST))
    return modulus, frozenset(int(one) % modulus for one in found)


def _linear(tree: Node) -> Residues | None:
    """`4k + 2 or 4k + 3`: whole multiples of one letter with one factor."""
    found: set[tuple[int, int]] = set()
    for part in items(tree)[:20]:
        if part[0] not in ("rel", "cond"):
            return None
        part = reduced(part)
        names = letters(part)
        if len(names) != 1 or next(iter(names)) not in ("k", "m", "n", "t", "j", "l"):
            return None
        at = [_at(part, next(iter(names)), number) for number in (0, 1, 2, 7)]
        if None in at or at[2] - at[1] != at[1] - at[0] or at[3] != at[0] + 7 * (at[1] - at[0]) or at[1] == at[0]:
            return None
        found.add((abs(at[1] - at[0]), at[0]))
    moduli = {modulus for modulus, _ in found}
    return _reduced(moduli.pop(), [str(one) for _, one in found]) if len(moduli) == 1 and max(moduli) > 1 else None


def _at(node: Node, name: str, number: int) -> int | None:
    try:
        result = value(substituted(node, ("sym", name), ("num", Fraction(number), None)))
    except Undecidable:
        return None
    return int(result) if isinstance(result, Fraction) and result.denominator == 1 else None
