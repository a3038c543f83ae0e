"""Elementary functions of exact and floating values. Each refuses arguments that would take too long to compute."""

import functools
import math
from collections.abc import Callable
from fractions import Fraction

from evalsuite.grading.read.arithmetic import (
    Absurd,
    Undecidable,
    Value,
    floating,
    is_real,
    mp,
    opaque,
    power,
    structure,
)

_LARGEST_FACTORIAL = 3000
_LARGEST_ROUNDED = mp.mpf(10) ** 60  # a larger floating number has no digits after the point
_LARGEST_ARGUMENT = 1e12  # of trigonometric functions; no real answer has a larger one


def apply(name: str, arguments: list[Value], node: tuple) -> Value:
    """The value of a function; an unknown function has a hash of `node` as value.

    Raises Undecidable outside the domain of the function.
    """
    if name == "root" and len(arguments) == 2:
        return power(arguments[0], 1 / arguments[1]) if arguments[0] != 0 else Fraction(0)
    if name in _EXACT:
        return _EXACT[name](*arguments)
    if name in _FLOATING and len(arguments) == 1:
        argument = floating(arguments[0])
        if abs(argument) > _LARGEST_ARGUMENT:
            raise Absurd("an argument of absurd size")
        return _FLOATING[name](argument)
    return opaque(structure(node))


def _log(argument: Value, base: Value) -> Value:
    if argument == 0 or base in (0, 1):
        raise Undecidable("a logarithm's pole")
    if argument == 1:
        return Fraction(0)
    top = mp.log(floating(argument))
    return top if base == mp.e else top / mp.log(floating(base))


def _whole(number: Value) -> int:
    if not isinstance(number, Fraction) or number.denominator != 1:
        raise Undecidable("not a whole number")
    return number.numerator


def _factorial(number: Value) -> Value:
    if isinstance(number, Fraction) and number.denominator == 1 and number >= 0 and number <= _LARGEST_FACTORIAL:
        return Fraction(math.factorial(int(number)))
    if not is_real(number) or abs(floating(number)) > 1e7:
        raise Absurd("a factorial of absurd size")
    return mp.gamma(floating(number) + 1)


def _double_factorial(number: Value) -> Value:
    whole = _whole(number)
    if not -1 <= whole <= _LARGEST_FACTORIAL:
        raise Absurd("a factorial of absurd size")
    return Fraction(math.prod(range(whole, 0, -2)))


def _binomial(above: Value, below: Value) -> Value:
    whole = all(isinstance(one, Fraction) and one.denominator == 1 for one in (above, below))
    if whole and 0 <= above <= 4 * _LARGEST_FACTORIAL:
        return Fraction(math.comb(int(above), int(below))) if below >= 0 else Fraction(0)
    if max(abs(floating(above)), abs(floating(below))) > 2e4:
        raise Absurd("a binomial of absurd size")
    return mp.binomial(floating(above), floating(below))


def _rounded(function: Callable, number: Value) -> Value:
    """The floor or ceiling of a number. A floating value that differs from a whole number only by noise is whole."""
    if isinstance(number, Fraction):
        return Fraction(getattr(math, function.__name__)(number))
    if not is_real(number):
        raise Undecidable("a complex number has no floor")
    if abs(number) > _LARGEST_ROUNDED:
        raise Absurd("a whole number of absurd size")
    nearest = mp.nint(number)
    return Fraction(int(nearest if abs(number - nearest) < mp.ldexp(1, -100) else function(number)))


def _extreme(choose: Callable, *arguments: Value) -> Value:
    if not all(is_real(argument) for argument in arguments):
        raise Undecidable("complex numbers have no order")
    return choose(arguments, key=floating)


def _sign(number: Value) -> Value:
    return Fraction(0) if number == 0 else number / abs(number)


def _arg(number: Value) -> Value:
    return mp.arg(floating(number))


_EXACT: dict[str, Callable[..., Value]] = {
    "log": _log,
    "exp": lambda number: power(+mp.e, number),
    "factorial": _factorial,
    "factorial2": _double_factorial,
    "binom": _binomial,
    "abs": abs,
    "sign": _sign,
    "cis": lambda number: mp.expj(floating(number)),
    "arg": _arg,
    "Re": lambda number: number.real if not isinstance(number, Fraction) else number,
    "Im": lambda number: number.imag if not isinstance(number, Fraction) else Fraction(0),
    "floor": functools.partial(_rounded, math.floor),
    "ceil": functools.partial(_rounded, math.ceil),
    "max": functools.partial(_extreme, max),
    "min": functools.partial(_extreme, min),
    "gcd": lambda *numbers: Fraction(math.gcd(*map(_whole, numbers))),
    "lcm": lambda *numbers: Fraction(math.lcm(*map(_whole, numbers))),
}
_FLOATING = {
    name: getattr(mp, name)
    for name in "sin cos tan cot sec csc asin acos atan acot asec acsc sinh cosh tanh coth asinh acosh atanh".split()
}
