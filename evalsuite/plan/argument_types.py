"""Argument types for argparse: each turns a flag's text into a value, or raises ArgumentTypeError."""

import argparse
import json
import math
import re
from collections.abc import Callable
from typing import Any

MAX_SEED = 2**31 - 1
MAX_RANGE = 100_000


def positive(text: str) -> int:
    """A whole number of at least 1."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return value


def number(low: float, high: float, open_low: bool = False) -> Callable[[str], float]:
    """The type of finite numbers in [low, high], or in (low, high]."""

    def parse_number(text: str) -> float:
        value = float(text)
        if not math.isfinite(value) or not low <= value <= high or (open_low and value == low):
            raise argparse.ArgumentTypeError(f"{text} is not in {'(' if open_low else '['}{low:g}, {high:g}]")
        return value

    parse_number.__name__ = "number"  # argparse's message for what is not a number contains it
    return parse_number


def seeds(text: str) -> list[int]:
    """Seeds, from `7`, `0-9` or `0,2,4-6`.

    >>> seeds("0,2,4-6")
    [0, 2, 4, 5, 6]
    """
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        if match is None:
            raise argparse.ArgumentTypeError(f"{text!r} is not a seed, a list or a range such as 0-9")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last > MAX_SEED or last - first > MAX_RANGE:
            raise argparse.ArgumentTypeError(
                f"{part} is not a valid range of seeds; it must ascend and not exceed {MAX_SEED}"
            )
        found += range(first, last + 1)
    return found


def json_object(text: str) -> dict[str, Any]:
    """A JSON object."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("must be a JSON object, in braces")
    return value
