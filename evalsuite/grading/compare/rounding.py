"""Compare decimals with exact values. Two values are equal if:

    the gold is exact, the answer a decimal    the answer has at least 4 significant digits and is correctly rounded,
                                               or has at least 6 and is truncated
    the gold is a decimal, the answer exact    the gold has at least 3 significant digits and is correctly rounded
    the task has a tolerance                   |answer - gold| <= tolerance * |gold|

A whole number, or a fraction with at most 6 decimals, is never equal to a rounded one. No two values are equal only
because both are small.
"""

from fractions import Fraction

from evalsuite.grading.read.arithmetic import Value, floating, is_real, mp

Node = tuple
_GOLD_DIGITS, _ANSWER_DIGITS, _CUT_DIGITS = 3, 4, 6
_ENDING_DIGITS = 6
_MOST_DIGITS = mp.mpf(10) ** 1000


def tolerated(left: Value, right: Value, tolerance: float | None) -> bool:
    """Whether the answer (`right`) is within the relative tolerance of the gold (`left`)."""
    if not tolerance or not is_real(left) or not is_real(right):
        return False
    return abs(floating(right) - floating(left)) <= abs(floating(left)) * mp.mpf(tolerance) * (1 + mp.mpf(2) ** -40)


def rounded(gold: Node, left: Value, answer: Node, right: Value) -> bool:
    """Whether one side is a written decimal, the other one is exact, and the exact one rounds to the decimal."""
    if not is_real(left) or not is_real(right):
        return False
    gold_places, answer_places = places(gold), places(answer)
    if (gold_places is None) == (answer_places is None):
        return False
    if gold_places is not None:
        return _digits(left, gold_places) >= _GOLD_DIGITS and _within(right, left, gold_places, Fraction(1, 2))
    if _ends(left):
        return False
    count = _digits(right, answer_places)
    if (
        count >= _CUT_DIGITS
        and abs(floating(right)) < abs(floating(left))
        and _within(left, right, answer_places, Fraction(1))
    ):
        return True
    return count >= _ANSWER_DIGITS and _within(left, right, answer_places, Fraction(1, 2))


def places(node: Node) -> int | None:
    """The number of decimals of a written decimal, which a power of ten shifts; None if it is not a decimal.

    >>> places(("num", Fraction(5, 2), 1)), places(("num", Fraction(5), None))
    (1, None)
    """
    if node[0] == "neg":
        return places(node[1])
    if node[0] == "num":
        return node[2]
    if node[0] == "mul" and len(node[1]) == 2 and node[1][0][0] == "num" and node[1][1][0] == "pow":
        base, exponent = node[1][1][1:]
        negative = exponent[0] == "neg"
        exponent = exponent[1] if negative else exponent
        if base[:2] == ("num", 10) and exponent[0] == "num" and exponent[1].denominator == 1 and exponent[1] < 1000:
            return (node[1][0][2] or 0) - int(exponent[1]) * (-1 if negative else 1)
    return None


def _digits(number: Value, decimals: int) -> int:
    """The number of significant digits of a number that is written with `decimals` decimals."""
    shifted = abs(floating(number)) * mp.mpf(10) ** decimals + mp.mpf(0.5)
    return len(str(int(shifted))) if shifted < _MOST_DIGITS else 0


def _within(exact: Value, decimal: Value, decimals: int, share: Fraction) -> bool:
    unit = mp.mpf(10) ** -decimals
    return abs(floating(exact) - floating(decimal)) <= unit * share.numerator / share.denominator * (
        1 + mp.mpf(2) ** -40
    )


def _ends(number: Value) -> bool:
    """Whether a value is a decimal with few digits, so that it need not be rounded."""
    if not isinstance(number, Fraction):
        return False
    scaled = number * 10**_ENDING_DIGITS
    return scaled.denominator == 1
