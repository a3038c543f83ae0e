"""Figures for papers: one column wide, TrueType fonts embedded, colours that stay distinct in greyscale."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import Affine2D

RIGHT, WRONG, THIRD, REST, LINE = "#0072B2", "#D55E00", "#CC79A7", "#8A8F98", "#DADDE1"
SEQUENTIAL = LinearSegmentedColormap.from_list("solved", ["#F3F5F7", "#6BA3CC", "#08519C"])
LIMIT = 0.05  # above this rate, the summary warns
RATES = (("tr", "truncated", WRONG), ("na", "no answer", THIRD), ("dis", "graders disagree", RIGHT))
WIDTH = 3.35  # inches: one column of the usual two-column page
ROW, EDGE = 0.19, 0.55  # inches: the height of a model's row, and of the axis with the margins
# The palette of Okabe and Ito without yellow, which is invisible on paper.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F")
RC = {
    "pdf.fonttype": 42, "ps.fonttype": 42, "font.family": "sans-serif", "font.size": 7.5, "axes.labelsize": 7.5,
    "xtick.labelsize": 7, "ytick.labelsize": 7, "legend.fontsize": 7, "axes.linewidth": 0.6, "lines.linewidth": 1.1,
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "axes.spines.top": False, "axes.spines.right": False,
    "text.parse_math": False, "savefig.dpi": 300, "figure.dpi": 300, "axes.axisbelow": True, "grid.color": LINE,
    "grid.linewidth": 0.5, "legend.frameon": False,
}  # fmt: skip
MAX_NAME = 26  # characters of a model's name
FEW_STEPS = 5  # up to this many checkpoints, the axis shows the step of each


def dots(data: dict, task: int) -> Figure | None:
    """Mean accuracy with the confidence interval and the sd of the seeds, and each seed as a point."""
    entries = [one for one in _of(data, task) if one["mean"] is not None]
    if not entries:
        return None
    figure, axes = rows([data["labels"][one["m"]] for one in entries], 0.2)
    leads = np.array([one["lead"] or len(entries) == 1 for one in entries])
    mean, low, high, sd = (column(entries, key) for key in ("mean", "lo", "hi", "sd"))
    for chosen, colour in ((leads, RIGHT), (~leads, REST)):
        at = np.flatnonzero(chosen)
        ends = np.maximum([(mean - low)[at], (high - mean)[at]], 0)
        axes.barh(at, 2 * sd[at], 0.5, (mean - sd)[at], color=colour, alpha=0.22, linewidth=0)
        axes.errorbar(mean[at], at, xerr=ends, fmt="none", color=colour, capsize=2, elinewidth=0.9, capthick=0.9)
        axes.plot(mean[at], at, "o", color=colour, markersize=4, markeredgecolor="white", markeredgewidth=0.6)
    seeds = [(value, at + ((seed * 5) % 7 - 3) / 24) for at, one in enumerate(entries)
             for seed, (_, value) in enumerate(one["seeds"]) if value is not None]  # fmt: skip
    axes.plot(*np.array(seeds).reshape(-1, 2).T, ".", color="black", alpha=0.45, markersize=2.6, markeredgewidth=0)
    percents(axes)
    axes.set_xlabel(f"{data['tasks'][task]['name']}: accuracy in %")
    handles = [Line2D([], [], marker=".", color="black", alpha=0.5, linewidth=0, label="one seed"),
               Patch(color=RIGHT, alpha=0.22, label="± sd of seeds"),
               Line2D([], [], color=RIGHT, label="95%, problems like these")]  # fmt: skip
    legend(figure, handles)
    return figure


def pairs(data: dict, task: int) -> Figure | None:
    """Differences above the diagonal, the smallest detectable ones below it; pale if not distinguishable."""
    entries = _of(data, task)
    position = {one["m"]: at for at, one in enumerate(entries)}
    found = [pair for pair in data["pairs"][task] if pair[0] in position and pair[1] in position]
    if not found:
        return None
    count, most = len(entries), max(max(abs(pair[2]) for pair in found), 0.01)
    figure = Figure(figsize=(WIDTH, EDGE + 0.15 + min(WIDTH - 0.6, 0.32 * count)), layout="constrained")
    axes = figure.subplots()
    cells = np.ones((count, count, 4))
    for pair in found:
        i, j = sorted((position[pair[0]], position[pair[1]]))
        gap = pair[2] if position[pair[0]] == i else -pair[2]
        clear = pair[8] in ("a better", "b better")
        strength = 0.25 + 0.6 * min(1, abs(gap) / most) if clear else 0.6
        cells[i, j] = to_rgba((RIGHT if gap > 0 else WRONG) if clear else LINE, strength)
        cells[j, i] = to_rgba(LINE, 0.6)
        if count <= 9:
            _annotate(axes, j, i, f"{100 * gap:+.1f}".replace("-", "−"), "bold" if clear else "normal")
            _annotate(axes, i, j, "" if pair[7] is None else f"{100 * pair[7]:.1f}", "normal", "#59626d")
    axes.pcolormesh(cells, edgecolors="white", linewidth=1.5 if count <= 20 else 0.3, transform=_half(axes))
    names = [short(data["labels"][one["m"]]) for one in entries]
    axes.set_xticks(range(count), names, rotation=35, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(count), names)
    axes.xaxis.tick_top()
    axes.set_xlim(-0.5, count - 0.5)
    axes.set_ylim(count - 0.5, -0.5)
    axes.tick_params(length=0, labelsize=7 if count <= 20 else 4)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(
        f"{data['tasks'][task]['name']}: row minus column in points;\nbelow the diagonal: detectable difference"
    )
    return figure


def curves(data: dict, task: int) -> Figure | None:
    """pass@k as solid lines, maj@k as dashed ones."""
    entries = [one for one in _of(data, task) if len(one["ks"]) > 1 and one["pass"][0] is not None]
    if not entries:
        return None
    many = len(entries) > len(COLOURS)
    figure = Figure(figsize=(WIDTH, 2.3 + (0 if many else 0.14 * ((len(entries) + 2) // 2))), layout="constrained")
    axes = figure.subplots()
    handles = [
        Line2D([], [], color="black", label="pass@k"),
        Line2D([], [], color="black", linestyle="--", label="maj@k"),
    ]
    for at, one in enumerate(entries):
        colour = (RIGHT if one["lead"] else REST) if many else COLOURS[at]
        for values, style in ((one["pass"], "o-"), (one["maj"], "o--")):
            if None not in values:
                axes.plot(one["ks"], values, style, color=colour, markersize=2.5, alpha=0.6 if many else 1)
        handles += [] if many else [Line2D([], [], color=colour, label=short(data["labels"][one["m"]]))]
    axes.set_xscale("log", base=2)
    axes.set_xticks(entries[0]["ks"], [str(k) for k in entries[0]["ks"]])
    axes.minorticks_off()
    percents(axes, "y")
    axes.grid()
    axes.set_xlabel("k")
    axes.set_ylabel(f"{data['tasks'][task]['name']}: %")
    legend(figure, handles, 2)
    return figure


def lengths(data: dict, task: int) -> Figure | None:
    """Box plots of the lengths of right and of wrong answers, with the token limit."""
    entries = [one for one in _of(data, task) if one["right"] or one["wrong"]]
    if not entries:
        return None
    figure, axes = rows([data["labels"][one["m"]] for one in entries], 0.2, 0.24)
    for key, side, colour in (("right", -0.2, RIGHT), ("wrong", 0.2, WRONG)):
        at = np.array([row for row, one in enumerate(entries) if one[key]])
        if not at.size:
            continue
        low, first, middle, third, high = np.array([entries[row][key] for row in at], dtype=float).T
        axes.hlines(at + side, low, high, color=colour, linewidth=0.8)
        axes.barh(at + side, third - first, 0.26, first, color=colour, alpha=0.55, linewidth=0)
        axes.vlines(middle, at + side - 0.15, at + side + 0.15, color="black", linewidth=1.1)
    limits = [(one["cut"], row) for row, one in enumerate(entries) if one["cut"]]
    for cut in {cut for cut, _ in limits}:
        at = np.array([row for other, row in limits if other == cut])
        axes.vlines([cut] * len(at), at - 0.5, at + 0.5, color="black", linestyles="--", linewidth=0.8)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1024:.0f}k" if value >= 1024 else f"{value:.0f}")
    axes.set_xlabel(f"{data['tasks'][task]['name']}: tokens per answer")
    legend(figure, [Patch(color=RIGHT, alpha=0.6, label="right"), Patch(color=WRONG, alpha=0.6, label="wrong"),
                    Line2D([], [], color="black", linestyle="--", linewidth=0.8, label="limit")])  # fmt: skip
    return figure


def rates(data: dict, task: int) -> Figure | None:
    """Shares of answers that were truncated, contain no answer, or on which the graders disagree."""
    entries = _of(data, task)
    measured = [rate for rate in RATES if any(one[rate[0]] is not None for one in entries)]
    if not measured:
        return None
    figure, axes = rows([data["labels"][one["m"]] for one in entries], 0.2, 0.24)
    for number, (key, label, colour) in enumerate(measured):
        values = [one[key] if one[key] is not None else np.nan for one in entries]
        axes.barh(np.arange(len(entries)) + 0.25 * (number - 1), values, 0.22, color=colour, label=label)
    axes.axvline(LIMIT, color="black", linestyle="--", linewidth=0.7)
    percents(axes, digits=0 if axes.get_xlim()[1] > 0.1 else 1)
    axes.set_xlabel(f"{data['tasks'][task]['name']}: answers in %")
    legend(figure, axes.get_legend_handles_labels()[0])
    return figure


def problems(data: dict, task: int) -> Figure | None:
    """Solve rates of all problems, sorted by difficulty."""
    entries = [one for one in _of(data, task) if any(rate is not None for rate in one["rates"])]
    if not entries:
        return None
    table = np.array([[np.nan if rate is None else rate for rate in one["rates"]] for one in entries], dtype=float)
    figure, axes = rows([data["labels"][one["m"]] for one in entries], 0.1)
    axes.grid(False)
    shown = axes.imshow(table, cmap=SEQUENTIAL, vmin=0, vmax=100, aspect="auto", interpolation="nearest")
    axes.set_xticks([])
    axes.set_xlabel(f"{data['tasks'][task]['name']}: {table.shape[1]} problems, hardest first")
    bar = figure.colorbar(shown, ax=axes, pad=0.02, fraction=0.05)
    bar.set_label("solved in %")
    bar.outline.set_visible(False)
    return figure


def by_step(data: dict[str, Any], line: dict[str, Any]) -> Figure | None:
    """One series of checkpoints, with a ring around the best one; None if no checkpoint has a score."""
    points = [one for one in line["points"] if one["mean"] is not None]
    if not points:
        return None
    figure = Figure(figsize=(WIDTH, 3.1), layout="constrained")
    top, middle, bottom = figure.subplots(3, sharex=True, height_ratios=(3, 1, 1))
    steps = np.array([one["step"] for one in points], dtype=float)
    _scores(top, points, steps, line["points"][line["best"]])
    top.set_title(short(line["name"], 60) + (f" ({line['setting']})" if line["setting"] else ""), fontsize=7.5)
    top.set_ylabel(f"{short(data['tasks'][line['t']]['name'])}: %")
    for axes, key, colour in ((middle, "tokens", RIGHT), (bottom, "tr", WRONG)):
        axes.plot(steps, column(points, key), "o-", color=colour, markersize=2, clip_on=False)
    middle.set_ylabel("tokens")
    bottom.axhline(LIMIT, color="black", linestyle="--", linewidth=0.7)
    bottom.set_ylabel("truncated, %")
    bottom.set_xlabel("step")
    if len(steps) <= FEW_STEPS:
        bottom.set_xticks(steps)
    for axes in (top, bottom):
        percents(axes, "y")
    for axes in (top, middle, bottom):
        axes.grid(axis="y")
    for axes in (middle, bottom):
        axes.set_ylim(0, 1.12 * axes.get_ylim()[1])
    figure.align_ylabels()
    legend(figure, _series_legend())
    return figure


def rows(labels: list[str], more: float = 0.0, row: float = ROW) -> tuple[Figure, Axes]:
    """A figure with one row per model, the first on top."""
    figure = Figure(figsize=(WIDTH, EDGE + more + row * len(labels)), layout="constrained")
    axes = figure.subplots()
    axes.set_yticks(range(len(labels)), [short(label) for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    return figure, axes


def column(entries: list[dict], key: str) -> np.ndarray:
    """The values of one key, NaN where undefined."""
    return np.array([np.nan if one[key] is None else one[key] for one in entries], dtype=float)


def short(label: str, most: int = MAX_NAME) -> str:
    """A name shortened to leave room for the plot.

    >>> short("a" * 40)
    'aaaaaaaaaaaaaaaaaaaaaaaaa…'
    """
    return label if len(label) <= most else f"{label[: most - 1]}…"


def percents(axes: Axes, axis: str = "x", digits: int = 0) -> None:
    getattr(axes, f"{axis}axis").set_major_formatter(lambda value, _: f"{100 * value:.{digits}f}")


def legend(figure: Figure, handles: list[Any], columns: int = 3) -> None:
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, handlelength=1.6, columnspacing=1.2)


def _of(data: dict, task: int) -> list[dict]:
    return [one for one in data["entries"] if one["t"] == task]


def _half(axes) -> Affine2D:
    """Shifts cells by half a cell, so that they are centred on the tick labels."""
    return Affine2D().translate(-0.5, -0.5) + axes.transData


def _annotate(axes, x: int, y: int, text: str, weight: str, colour: str = "black") -> None:
    axes.text(x, y, text, ha="center", va="center", fontsize=6.5, fontweight=weight, color=colour)


def _scores(axes: Axes, points: list[dict], steps: np.ndarray, best: dict) -> None:
    mean, low, high, sd = (column(points, key) for key in ("mean", "lo", "hi", "sd"))
    gap = np.diff(steps).min() if len(steps) > 1 else 1.0
    axes.plot(steps, mean, color=RIGHT, linewidth=0.7, alpha=0.5)
    axes.bar(steps, 2 * sd, 0.45 * min(gap, np.ptp(steps) / 12 or 1.0), mean - sd, color=RIGHT, alpha=0.22, linewidth=0)
    ends = np.maximum([mean - low, high - mean], 0)
    axes.errorbar(steps, mean, yerr=ends, fmt="none", color=RIGHT, capsize=1.5, elinewidth=0.8, capthick=0.8)
    axes.plot(steps, mean, "o", color=RIGHT, markersize=3.4, markeredgecolor="white", markeredgewidth=0.5)
    axes.plot(
        best["step"], best["mean"], "o", color=RIGHT, markersize=4.6, markeredgecolor="black", markeredgewidth=0.9
    )
    seeds = [(one["step"], value) for one in points for value in one["seeds"] if value is not None]
    axes.plot(*np.array(seeds).reshape(-1, 2).T, ".", color="black", alpha=0.45, markersize=2.4, markeredgewidth=0)


def _series_legend() -> list[Any]:
    return [
        Line2D([], [], marker=".", color="black", alpha=0.5, linewidth=0, label="one seed"),
        Patch(color=RIGHT, alpha=0.22, label="± sd of seeds"),
        Line2D([], [], color=RIGHT, label="95%, problems like these"),
    ]


CHARTS = {"dots": dots, "pairs": pairs, "curves": curves, "lengths": lengths, "rates": rates, "problems": problems}
