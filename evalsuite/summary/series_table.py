"""Series as tables: on the screen a short one, in tables/ every checkpoint."""

from typing import TYPE_CHECKING, Any

from evalsuite.summary.cells import Cell, Table, interval, percent, spread
from evalsuite.summary.series import Line
from evalsuite.summary.series_rows import ENDS, VERDICTS, family, rows_of, sentences, title
from evalsuite.summary.standings import probability

if TYPE_CHECKING:
    from evalsuite.summary.gather import Summary

HEAD = ["series", "step", "seeds", "mean ± sd", "tokens", "truncated", "− first", "− last", "p (Holm), first, last"]
GLANCE = 12  # checkpoints of a line on the screen


def series_table(summary: "Summary") -> Table:
    """Every checkpoint of every series, the best in bold."""
    rows = [_cells(line, row) for line in summary.series for row in rows_of(line)]
    most = max(len(line.pairs.a) for line in summary.series)
    notes = [
        f"Mean ± standard deviation over seeds, below it the {100 * summary.options.confidence:g} % interval for"
        " problems like these; bold: the best of a series. − first, − last: points above those checkpoints, in bold"
        f" where distinguishable on problems like these ({family(most, summary.options.alpha)})."
    ]
    notes += [sentence for line in summary.series for sentence in sentences(line)]
    return Table("Checkpoints", "series", HEAD, rows, [("", note) for note in notes])


def _cells(line: Line, row: dict[str, Any]) -> list[Cell]:
    chances = [probability(_number(row[f"p_holm_against_{end}"])) or "–" for end in ENDS]
    return [
        Cell(title(line)), Cell(str(row["step"])), Cell(str(row["n_seeds"])),
        Cell(spread(row["mean_accuracy"], row["std_accuracy"]), interval(row), row["best"]),
        Cell(tokens(row["mean_output_tokens"])), Cell(percent(row["truncated_rate"])),
        *(Cell(_gap(row, end), bold=_holds(row, end)) for end in ENDS),
        Cell(", ".join(chances)),
    ]  # fmt: skip


def _gap(row: dict[str, Any], end: str) -> str:
    """Points above one end; empty for the end itself."""
    found = _number(row[f"difference_against_{end}"])
    return "" if found != found else f"{100 * found:+.1f}"


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def tokens(value: float) -> str:
    """A mean number of tokens.

    >>> tokens(1234.5), tokens(float("nan"))
    ('1,234', '')
    """
    return "" if value != value else f"{value:,.0f}"


def glance(line: Line) -> list[list[str]]:
    """The rows of the screen: all, or the first, the best, the last, and some between, evenly spread."""
    found, last = rows_of(line), len(line.entries) - 1
    kept = {round(at * last / (GLANCE - 2)) for at in range(GLANCE - 1)} | {line.best}
    return [shown(found[at]) for at in (sorted(kept) if last >= GLANCE else range(last + 1))]


def shown(row: dict[str, Any]) -> list[str]:
    """A checkpoint's row as text: step, seeds, mean, ±, interval, tokens, cut off, points above both ends, remarks."""
    numbers = percent(row["mean_accuracy"]), percent(row["std_accuracy"]), interval(row)
    gaps = [_gap(row, end) + "*" * _holds(row, end) for end in ENDS]
    cut, remarks = percent(row["truncated_rate"]), ["best"] * row["best"] + ["provisional"] * row["provisional"]
    return [str(row["step"]), str(row["n_seeds"]), *numbers, tokens(row["mean_output_tokens"]), cut, *gaps,
            ", ".join(remarks)]  # fmt: skip


def _holds(row: dict[str, Any], end: str) -> bool:
    """Whether a checkpoint is distinguishable from one end on problems like these."""
    return row[f"verdict_new_problems_against_{end}"] in VERDICTS.values()
