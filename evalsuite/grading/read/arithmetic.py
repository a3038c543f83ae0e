"""Arithmetic with exact fractions as long as possible, else with 60 digits. Numbers of absurd size are refused."""

import hashlib
import math
from fractions import Fraction

import mpmath

Node = tuple
Value = Fraction | mpmath.mpf | mpmath.mpc

BITS, MORE_BITS = 200, 560
_EXACT_BITS = 100_000  # the size of the largest exact numbers; larger ones are floating
_LARGEST_POWER = 1e9  # the size in bits of the largest power that is computed
mp = mpmath.MPContext()
mp.prec = BITS
_ROOM = mp.mpf(2) ** 100  # the largest ratio of two numbers whose sum still depends on both


class Undecidable(ArithmeticError):
    """No value can be computed."""


class Absurd(Undecidable):
    """There is a value, but it is too large to compute."""


def close(left: Value, right: Value) -> bool:
    """Whether two values are equal: exactly if both are fractions, else to 30 significant digits."""
    if isinstance(left, Fraction) and isinstance(right, Fraction):
        return left == right
    left, right = floating(left), floating(right)
    return abs(left - right) <= mp.ldexp(max(abs(left), abs(right)), -100)


def is_real(result: Value) -> bool:
    return not isinstance(result, mp.mpc)


def floating(result: Value) -> mpmath.mpf | mpmath.mpc:
    if isinstance(result, Fraction):
        return mp.mpf(result.numerator) / result.denominator
    return result


def opaque(text: str) -> Value:
    """A value between 1 and 2 that is a hash of the text."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return 1 + Fraction(int.from_bytes(digest[:20], "big") | 1, 1 << 160)


def structure(node: Node) -> str:
    """A tree as text; the order of terms and factors does not matter."""
    if not isinstance(node, tuple):
        return str(node)
    if node and node[0] in ("add", "mul"):
        return f"{node[0]}({','.join(sorted(structure(part) for part in node[1]))})"
    if node and node[0] == "setop" and node[1] != "-":
        return f"{node[1]}({','.join(sorted(structure(part) for part in node[2:]))})"
    if node and node[0] == "num":
        return digits(node[1], 20)
    return f"({','.join(structure(part) for part in node)})"


def plus(left: Value, right: Value) -> Value:
    if isinstance(left, Fraction) and isinstance(right, Fraction):
        return left + right
    left, right = floating(left), floating(right)
    small, large = sorted((abs(left), abs(right)))
    if large > _ROOM and small > 1 / _ROOM and large > small * _ROOM:
        raise Undecidable("a number lost beside a larger one")
    return left + right


def times(left: Value, right: Value) -> Value:
    if isinstance(left, Fraction) and isinstance(right, Fraction):
        if _bits(left) + _bits(right) > 2 * _EXACT_BITS:
            raise Absurd("too large")
        return left * right
    return floating(left) * floating(right)


def quotient(above: Value, below: Value) -> Value:
    """`above / below`. Raises Undecidable if `below` is zero."""
    if below == 0:
        raise Undecidable("division by zero")
    return times(above, 1 / below)


def _bits(number: Fraction) -> int:
    return number.numerator.bit_length() + number.denominator.bit_length()


def power(base: Value, exponent: Value) -> Value:
    """`base ** exponent`. A negative base with a fraction of odd denominator gives the real root.

    Raises Undecidable for zero to a negative or complex power, and Absurd if the power is too large to compute.
    """
    if isinstance(exponent, Fraction):
        if exponent == 0:
            return Fraction(1)
        if isinstance(base, Fraction):
            exact = _exact_power(base, exponent)
            if exact is not None:
                return exact
        if exponent.denominator % 2 and exponent.denominator > 1 and is_real(base) and base < 0:
            return (-1) ** (exponent.numerator % 2) * power(-base, exponent)
    if base == 0:
        if not is_real(exponent) or exponent < 0:
            raise Undecidable("a power of zero")
        return Fraction(0)
    size = abs(floating(exponent)) * max(1, abs(mp.log(abs(floating(base)), 2)))
    if size > _LARGEST_POWER:
        raise Absurd("too large")
    return mp.power(floating(base), floating(exponent))


def _exact_power(base: Fraction, exponent: Fraction) -> Fraction | None:
    over, under = exponent.numerator, exponent.denominator
    if under > 1:
        if (base < 0 and under % 2 == 0) or under > 64 or _bits(base) > 4096:
            return None
        sign = -1 if base < 0 else 1
        roots = _whole_root(abs(base.numerator), under), _whole_root(base.denominator, under)
        if None in roots:
            return None
        base = sign * Fraction(*roots)
    if base == 0 and over < 0:
        raise Undecidable("division by zero")
    if base in (0, 1):
        return base
    if base == -1:
        return Fraction(-1 if over % 2 else 1)
    return base**over if _bits(base) * abs(over) <= _EXACT_BITS else None


def _whole_root(number: int, degree: int) -> int | None:
    root = math.isqrt(number) if degree == 2 else int(mp.nint(mp.root(mp.mpf(number), degree)))
    return root if root**degree == number else None


def digits(result: Value, count: int) -> str:
    """A value as text: an exact fraction, or `count` significant digits.

    >>> digits(Fraction(6, 4), 12)
    '3/2'
    """
    if isinstance(result, Fraction):
        return str(result) if _bits(result) < 4096 else f"#{hash(result):x}"
    if isinstance(result, mp.mpc):
        return f"{mp.nstr(result.real, count)},{mp.nstr(result.imag, count)}i"
    return mp.nstr(result, count)
