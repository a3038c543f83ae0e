"""Tables with footnotes, and their rendering as Markdown and as LaTeX (which needs only the package booktabs)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from evalsuite.files import printable

LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LATEX = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
          "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "−": "$-$", "<": "$<$", ">": "$>$",
          "…": r"\ldots{}"}  # fmt: skip
_MARKDOWN = re.compile(r"([\\`*_|<>\[\]])")


@dataclass(frozen=True)
class Cell:
    """A cell of one or two lines; `marks` are the superscripts of its footnotes."""

    text: str
    second: str = ""
    bold: bool = False
    marks: str = ""


@dataclass(frozen=True)
class Table:
    """A table; `notes` holds (mark, text), with an empty mark for notes about the whole table."""

    title: str
    label: str
    head: list[str]
    rows: list[list[Cell]]
    notes: list[tuple[str, str]]


class Footnotes:
    """Assigns letters to footnotes in the order of their first use; equal texts share a letter."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def letter(self, text: str) -> str:
        """The mark of a footnote: a, b, ..., z, aa, ab, ...; empty for an empty text."""
        if text and text not in self._letters:
            at = len(self._letters)
            self._letters[text] = (LETTERS[at // 26 - 1] if at >= 26 else "") + LETTERS[at % 26]
        return self._letters.get(text, "")

    @property
    def notes(self) -> list[tuple[str, str]]:
        return [(mark, text) for text, mark in self._letters.items()]


def percent(value: float, digits: int = 1) -> str:
    """Format a fraction in percent, without the sign; empty if it is NaN.

    >>> percent(0.2871), percent(float("nan"))
    ('28.7', '')
    """
    return "" if value != value else f"{100 * value:.{digits}f}"


def span(low: float, high: float) -> str:
    """Format an interval in percent; empty if it is NaN.

    >>> span(0.181, 0.393)
    '[18.1, 39.3]'
    """
    return "" if low != low or high != high else f"[{percent(low)}, {percent(high)}]"


def spread(mean: float, deviation: float) -> str:
    """Format a mean and its standard deviation in percent; only the mean if the deviation is NaN, as with one seed.

    >>> spread(0.287, 0.048), spread(0.287, float("nan"))
    ('28.7 ± 4.8', '28.7')
    """
    return percent(mean) + (f" ± {percent(deviation)}" if deviation == deviation else "")


def interval(row: dict[str, Any]) -> str:
    """Format the recommended interval for problems like these: Wilson's for 0/1 scores, otherwise the t interval."""
    has_wilson = row["wilson_low"] == row["wilson_low"]
    return span(row["wilson_low"], row["wilson_high"]) if has_wilson else span(row["ci_low"], row["ci_high"])


def markdown(table: Table) -> str:
    """Render as Markdown: a heading, the table, and its footnotes."""
    lines = [f"## {table.title}", "", _line(map(_escaped, table.head)), _line(["---"] * len(table.head))]
    lines += [_line(map(_markdown_cell, row)) for row in table.rows]
    lines += ["", *(f"{f'<sup>{mark}</sup> ' if mark else ''}{_escaped(text)}  " for mark, text in table.notes)]
    return "\n".join(lines) + "\n"


def latex(table: Table) -> str:
    """Render as a LaTeX table environment; second lines of cells become a row of their own, footnotes come below."""
    body = [line for row in table.rows for line in _latex_rows(row)]
    notes = [rf"{_superscript(mark)}{tex(text)}\\" for mark, text in table.notes]
    lines = [
        r"% \usepackage{booktabs}", r"\begin{table}[t]", r"\centering", rf"\caption{{{tex(table.title)}}}",
        rf"\label{{tab:{table.label}}}", rf"\begin{{tabular}}{{@{{}}{_alignment(table)}@{{}}}}", r"\toprule",
        " & ".join(map(tex, table.head)) + r" \\", r"\midrule", *body, r"\bottomrule", r"\end{tabular}",
        r"\par\smallskip", r"\begin{minipage}{\linewidth}\footnotesize", *notes, r"\end{minipage}", r"\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def tex(text: str) -> str:
    r"""Escape text so that LaTeX prints it literally.

    >>> print(tex("50% of run_7 ± {x}"))
    50\% of run\_7 $\pm$ \{x\}
    """
    text = re.sub(r"(?<!\w)-(?=\d)", "−", printable(text, 2000))
    return "".join(_LATEX.get(letter, letter) for letter in text)


def _alignment(table: Table) -> str:
    """Align names left and numbers centred; in a column of numbers, cells are empty or start with a digit or sign."""
    columns = zip(*table.rows, strict=True) if table.rows else [[] for _ in table.head]
    return "".join(
        "c" if at and all(re.match(r"[-−+<\d]|$", c.text) for c in column) else "l" for at, column in enumerate(columns)
    )


def _latex_rows(row: list[Cell]) -> list[str]:
    first = " & ".join(_latex_cell(cell) for cell in row) + r" \\"
    first = f"{{}}{first}" if first.startswith(("[", "*")) else first  # otherwise arguments of the \\ before
    if not any(cell.second for cell in row):
        return [first]
    second = " & ".join(rf"{{\scriptsize {tex(cell.second)}}}" if cell.second else "" for cell in row)
    return [first, second + r" \\[2pt]"]


def _latex_cell(cell: Cell) -> str:
    text = rf"\textbf{{{tex(cell.text)}}}" if cell.bold else tex(cell.text)
    return text + _superscript(cell.marks).rstrip()


def _superscript(marks: str) -> str:
    return rf"\textsuperscript{{{tex(marks)}}} " if marks else ""


def _markdown_cell(cell: Cell) -> str:
    text = f"**{_escaped(cell.text)}**" if cell.bold else _escaped(cell.text)
    marks = f"<sup>{cell.marks}</sup>" if cell.marks else ""
    return text + marks + (f"<br>{_escaped(cell.second)}" if cell.second else "")


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", printable(text, 2000))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
