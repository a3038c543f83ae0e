"""Units of measure: which words are units, and their sizes, so that they can be converted.

A unit is a string such as "cm^2" or "m*s^-1". Words that are not known (apples, yuan) are units without a size.
"""

import re
from fractions import Fraction

_SIZES: dict[str, tuple[str, Fraction]] = {}  # name -> (dimension, size in the first unit of the dimension)


def _define(dimension: str, table: str) -> None:
    for entry in table.split(";"):
        names, _, size = entry.partition("=")
        for name in names.split(","):
            _SIZES[name.strip()] = (dimension, Fraction(size.strip()))


_define(
    "length",
    "m,meter,meters,metre,metres=1; mm,millimeter,millimeters,millimetre,millimetres=1/1000; cm,cms,centimeter,"
    "centimeters,centimetre,"
    "centimetres=1/100; dm,decimeter,decimeters=1/10; km,kms,kilometer,kilometers,kilometre,kilometres=1000; in,"
    "inch,inches=127/5000;"
    "ft,foot,feet=381/1250; yd,yds,yard,yards=1143/1250; mi,mile,miles=201168/125; nm,nanometer,"
    "nanometers=1/1000000000;"
    "um,micrometer,micrometers,micron,microns=1/1000000; pm=1/1000000000000; angstrom,angstroms=1/10000000000",
)
_define(
    "time",
    "s,sec,secs,second,seconds=1; min,mins,minute,minutes=60; h,hr,hrs,hour,hours=3600; day,days=86400; week,"
    "weeks=604800;"
    "ms,millisecond,milliseconds=1/1000; ns,nanosecond,nanoseconds=1/1000000000; us,microsecond,"
    "microseconds=1/1000000",
)
_define("years", "year,years,yr,yrs=1; month,months=1/12; decade,decades=10; century,centuries=100")
_define(
    "mass",
    "g,gram,grams,gm,gms=1; kg,kgs,kilogram,kilograms=1000; mg,milligram,milligrams=1/1000; t,ton,tons,tonne,"
    "tonnes=1000000;"
    "lb,lbs,pound,pounds=45359237/100000; oz,ounce,ounces=45359237/1600000",
)
_define(
    "volume", "l,L,liter,liters,litre,litres=1/1000; ml,mL,cc,milliliter,milliliters,millilitre,millilitres=1/1000000"
)
_define("cups", "gal,gallon,gallons=16; quart,quarts,qt=4; pint,pints,pt=2; cup,cups=1; tablespoon,tablespoons=1/16")
_define(
    "dollars", "dollar,dollars,usd,USD,bucks=1; cent,cents=1/100; nickel,nickels=1/20; dime,dimes=1/10; quarters=1/4"
)
_define("euros", "euro,euros,EUR=1")
_define("angle", "degree,degrees,deg,degs=1")
_define("radians", "rad,rads,radian,radians=1")
_define("force", "N,newton,newtons=1000; kN=1000000; dyn,dyne,dynes=1/100")
_define(
    "energy",
    "J,joule,joules=1000; kJ=1000000; MJ=1000000000; erg,ergs=1/10000; cal=4184; kcal=4184000; Wh=3600000;"
    " kWh=3600000000",
)
_define("electronvolts", "eV=1; keV=1000; MeV=1000000; GeV=1000000000")
_define("power", "W,watt,watts=1000; kW,kilowatt,kilowatts=1000000; MW=1000000000")
_define("pressure", "Pa,pascal,pascals=1000; kPa=1000000; MPa=1000000000; bar=100000000; atm=101325000")
_define("frequency", "Hz,hertz=1; kHz=1000; MHz=1000000; GHz=1000000000")
_define("temperature", "K,kelvin,kelvins=1")
_define("charge", "C,coulomb,coulombs=1")
_define("voltage", "V,volt,volts=1000; kV=1000000; mV=1")
_define("resistance", "ohm,ohms=1000")
_define("amount", "mol,moles,mole=1; mmol=1/1000")
_define("current", "A,amp,amps,ampere,amperes=1; mA=1/1000")
_DERIVED = {  # in metres, grams, seconds and amperes, as are the sizes above
    "volume": {"length": 3},
    "force": {"mass": 1, "length": 1, "time": -2},
    "energy": {"mass": 1, "length": 2, "time": -2},
    "power": {"mass": 1, "length": 2, "time": -3},
    "pressure": {"mass": 1, "length": -1, "time": -2},
    "frequency": {"time": -1},
    "charge": {"current": 1, "time": 1},
    "voltage": {"mass": 1, "length": 2, "time": -3, "current": -1},
    "resistance": {"mass": 1, "length": 2, "time": -3, "current": -2},
}
_COMPOUND = {"mph": "mile*hour^-1", "kmh": "km*hour^-1", "kph": "km*hour^-1", "kmph": "km*hour^-1", "mps": "m*s^-1"}
_POWERS = {"square": "^2", "sq": "^2", "cubic": "^3", "cu": "^3"}
_MORE_WORDS = frozenset("unit units square sq cubic cu mph kmh kph kmph percent yen yuan rupee rupees rpm bps".split())
_AMBIGUOUS = frozenset(  # these may also be letters, functions or words
    "in min t h C A K N J W V L l g s m pt bar deg cal day pm us".split()
)

MULTIPLIERS = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}


def is_unit_word(word: str) -> bool:
    """Whether a bare word after a number can only be a unit.

    >>> is_unit_word("cm"), is_unit_word("inches"), is_unit_word("m"), is_unit_word("xy")
    (True, True, False, False)
    """
    return (word in _SIZES or word in _MORE_WORDS or word.lower() in _MORE_WORDS) and word not in _AMBIGUOUS


def is_unit(word: str) -> bool:
    """Whether a word may be a unit; it may also be something else."""
    return word in _SIZES


def is_unit_letter(word: str) -> bool:
    """Whether a single letter is the symbol of a unit, so that `5 m` may be five metres."""
    return len(word) == 1 and word in _SIZES


def size(unit: str) -> tuple[tuple[tuple[str, int], ...], Fraction] | None:
    """(dimensions with their exponents, size in base units); None for a unit without a size.

    >>> size("cm^2"), size("mile*hour^-1") == size("mph"), size("apples")
    (((('length', 2),), Fraction(1, 10000)), True, None)
    >>> size("mL") == size("cm^3"), size("N*kg^-1") == size("m*s^-2")
    (True, True)
    """
    dimensions: dict[str, int] = {}
    total = Fraction(1)
    for name, exponent in _factors(unit):
        entry = _SIZES.get(name) or _SIZES.get(name.lower())
        if entry is None:
            return None
        dimension, factor = entry
        for base, power in _DERIVED.get(dimension, {dimension: 1}).items():
            dimensions[base] = dimensions.get(base, 0) + power * exponent
        total *= factor**exponent
    return tuple(sorted((name, exponent) for name, exponent in dimensions.items() if exponent)), total


def _factors(unit: str) -> list[tuple[str, int]]:
    """(name, exponent) for each factor of a unit. An exponent that is not a small whole number gives a nameless factor,
    so that the unit has no size."""
    power, found = 1, []
    for part in re.sub(r"\b(mph|kmh|kph|kmph|mps)\b", lambda m: _COMPOUND[m.group()], unit).split("*"):
        if part in _POWERS:
            power = int(_POWERS[part][1:])
            continue
        name, _, exponent = part.partition("^")
        if exponent and not re.fullmatch(r"-?[1-9]", exponent):
            return [("", 1)]
        found.append((name, int(exponent or 1) * power))
        power = 1
    return found
