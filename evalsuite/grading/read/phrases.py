"""Words around a value: which may be left out, and which say something that must be compared."""

import re
from fractions import Fraction

QUALIFIERS = frozenset(
    "not no never none neither nor without except least most than less more fewer greater over under above below "
    "about between up"
    " approximately roughly cannot before after another other".split()
)
_ENDING = frozenset(("is", "are", "equals", "be", "was", "were", "of", "to", "get", "have", "obtain", "by"))
_LONGEST_LABEL = 4
_SMALL = {word: n for n, word in enumerate("zero one two three four five six seven eight nine ten".split())}
_VALUE = r"(-?\d+(?:\.\d+)?|" + "|".join(_SMALL) + ")"
_COMPARED = re.compile(
    rf"(?:^|\b)(?:(?P<less>(?:strictly )?(?:less|smaller|lower) than)"
    rf"|(?P<more>(?:strictly )?(?:greater|more|larger|bigger|higher) than)"
    rf"|(?P<least>at least|no less than|greater than or equal to|not less than)"
    rf"|(?P<most>at most|no more than|less than or equal to|not more than)) {_VALUE}$"
)
_SIGNED = {
    "positive": (">", Fraction(0)),
    "negative": ("<", Fraction(0)),
    "nonnegative": (">=", Fraction(0)),
    "non-negative": (">=", Fraction(0)),
}


def droppable(label: str) -> bool:
    """Whether words before or after a value only say what it is.

    >>> droppable("Area"), droppable("the total cost is"), droppable("at least"), droppable("no more than")
    (True, True, False, False)
    """
    found = label.casefold().split()
    if QUALIFIERS & set(found):
        return False
    return len(found) <= _LONGEST_LABEL or found[-1] in _ENDING


def comparison(words: list[str]) -> tuple[str, Fraction] | None:
    """What a sentence compares its subject with: `the product is more than two` is (">", 2).

    >>> comparison("product is more than two".split()), comparison(["it", "is", "negative"]), comparison(["five"])
    (('>', Fraction(2, 1)), ('<', Fraction(0, 1)), None)
    """
    text = " ".join(words)
    match = _COMPARED.search(text)
    if match:
        if "not" in words and not match.group("least") and not match.group("most"):
            return None
        sign = {"less": "<", "more": ">", "least": ">=", "most": "<="}[
            match.lastgroup or next(k for k, v in match.groupdict().items() if v)
        ]
        value = match.group(match.lastindex)
        return sign, Fraction(_SMALL.get(value, value) if value in _SMALL else value)
    if (
        words
        and words[-1] in _SIGNED
        and "not" not in words
        and (len(words) == 1 or words[-2] in ("is", "are", "always"))
    ):
        return _SIGNED[words[-1]]
    return None
