"""Tables as values: cells, marks and footnotes, which Markdown and LaTeX then render alike."""

from dataclasses import dataclass
from typing import Any

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Cell:
    """A cell of one or two lines; `marks` are superscripts that footnotes explain."""

    text: str
    second: str = ""
    bold: bool = False
    marks: str = ""


@dataclass(frozen=True)
class Table:
    """A table; `notes` are (mark, text), the mark empty for a note on the whole."""

    title: str
    label: str
    head: list[str]
    rows: list[list[Cell]]
    notes: list[tuple[str, str]]


class Footnotes:
    """Footnotes in the order of their first use; equal texts share a letter."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def letter(self, text: str) -> str:
        """The mark of a footnote, a, b, ..., z, aa, ab, ...; none for an empty one."""
        if text and text not in self._letters:
            at = len(self._letters)
            self._letters[text] = (LETTERS[at // 26 - 1] if at >= 26 else "") + LETTERS[at % 26]
        return self._letters.get(text, "")

    @property
    def notes(self) -> list[tuple[str, str]]:
        return [(mark, text) for text, mark in self._letters.items()]


def percent(value: float, digits: int = 1) -> str:
    """A fraction in percent, empty where undefined.

    >>> percent(0.2871), percent(float("nan"))
    ('28.7', '')
    """
    return "" if value != value else f"{100 * value:.{digits}f}"


def span(low: float, high: float) -> str:
    """An interval in percent, empty where undefined.

    >>> span(0.181, 0.393)
    '[18.1, 39.3]'
    """
    return "" if low != low or high != high else f"[{percent(low)}, {percent(high)}]"


def spread(mean: float, deviation: float) -> str:
    """A mean and its standard deviation in percent; the mean alone where one seed leaves it unknown.

    >>> spread(0.287, 0.048), spread(0.287, float("nan"))
    ('28.7 ± 4.8', '28.7')
    """
    return percent(mean) + (f" ± {percent(deviation)}" if deviation == deviation else "")


def interval(row: dict[str, Any]) -> str:
    """The interval to read for problems like these: Wilson's for scores of 0 and 1, else the t interval."""
    wilson = row["wilson_low"] == row["wilson_low"]
    return span(row["wilson_low"], row["wilson_high"]) if wilson else span(row["ci_low"], row["ci_high"])
