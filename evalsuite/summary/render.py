"""Tables as Markdown and as LaTeX (booktabs is the only package needed), ready for a paper."""

import re
from collections.abc import Iterable

from evalsuite.files import printable
from evalsuite.summary.cells import Cell, Table

_LATEX = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
          "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "−": "$-$", "<": "$<$", ">": "$>$",
          "…": r"\ldots{}"}  # fmt: skip
_MARKDOWN = re.compile(r"([\\`*_|<>\[\]])")


def markdown(table: Table) -> str:
    """A heading, the table, and its footnotes."""
    lines = [f"## {table.title}", "", _line(map(_escaped, table.head)), _line(["---"] * len(table.head))]
    lines += [_line(map(_markdown_cell, row)) for row in table.rows]
    lines += ["", *(f"{f'<sup>{mark}</sup> ' if mark else ''}{_escaped(text)}  " for mark, text in table.notes)]
    return "\n".join(lines) + "\n"


def latex(table: Table) -> str:
    """A table environment with booktabs' rules; second lines of cells as a row of their own, footnotes below."""
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
    r"""Text that LaTeX sets as it stands.

    >>> print(tex("50% of run_7 ± {x}"))
    50\% of run\_7 $\pm$ \{x\}
    """
    text = re.sub(r"(?<!\w)-(?=\d)", "−", printable(text, 2000))
    return "".join(_LATEX.get(letter, letter) for letter in text)


def _alignment(table: Table) -> str:
    """Names to the left, numbers centred: in a column of numbers each cell is empty or begins with a digit or sign."""
    columns = zip(*table.rows, strict=True) if table.rows else [[] for _ in table.head]
    return "".join(
        "c" if at and all(re.match(r"[-−+<\d]|$", c.text) for c in column) else "l" for at, column in enumerate(columns)
    )


def _latex_rows(row: list[Cell]) -> list[str]:
    first = " & ".join(_latex_cell(cell) for cell in row) + r" \\"
    first = f"{{}}{first}" if first.startswith(("[", "*")) else first  # after \\ these would be its arguments
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
