"""How figures look: a column's width, small type, fonts inside as outlines (Type 42), colours that all tell apart."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH = 3.35  # inches: one column of the usual two-column page
ROW, EDGE = 0.19, 0.55  # inches a model, and for axis and margins
# Okabe and Ito's, without the yellow, which paper swallows.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
RIGHT, WRONG, THIRD, REST, LINE = "#0072B2", "#D55E00", "#CC79A7", "#8A8F98", "#DADDE1"
RC = {
    "pdf.fonttype": 42, "ps.fonttype": 42, "font.family": "sans-serif", "font.size": 7.5, "axes.labelsize": 7.5,
    "xtick.labelsize": 7, "ytick.labelsize": 7, "legend.fontsize": 7, "axes.linewidth": 0.6, "lines.linewidth": 1.1,
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "axes.spines.top": False, "axes.spines.right": False,
    "text.parse_math": False, "savefig.dpi": 300, "figure.dpi": 300, "axes.axisbelow": True, "grid.color": LINE,
    "grid.linewidth": 0.5, "legend.frameon": False,
}  # fmt: skip
NAME = 26  # characters of a model's name


def rows(labels: list[str], more: float = 0.0, row: float = ROW) -> tuple[Figure, Axes]:
    """A figure with one row a model, the first on top."""
    figure = Figure(figsize=(WIDTH, EDGE + more + row * len(labels)), layout="constrained")
    axes = figure.subplots()
    axes.set_yticks(range(len(labels)), [short(label) for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    return figure, axes


def column(entries: list[dict], key: str) -> np.ndarray:
    """The values of one key, NaN where unknown."""
    return np.array([np.nan if one[key] is None else one[key] for one in entries], dtype=float)


def short(label: str, most: int = NAME) -> str:
    """A name that leaves room for the plot.

    >>> short("a" * 40)
    'aaaaaaaaaaaaaaaaaaaaaaaaa…'
    """
    return label if len(label) <= most else f"{label[: most - 1]}…"


def percents(axes: Axes, axis: str = "x", digits: int = 0) -> None:
    getattr(axes, f"{axis}axis").set_major_formatter(lambda value, _: f"{100 * value:.{digits}f}")


def legend(figure: Figure, handles: list[Any], columns: int = 3) -> None:
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, handlelength=1.6, columnspacing=1.2)
