"""Checkpoints by step for papers: means with both error bars and every seed; below them lengths and cut-offs."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from evalsuite.report.figures.look import RIGHT, WIDTH, WRONG, column, legend, percents, short

LIMIT = 0.05
FEW = 5  # checkpoints whose steps all stand below the axis


def by_step(data: dict[str, Any], line: dict[str, Any]) -> Figure | None:
    """One line of a series, its best checkpoint ringed; None without a scored checkpoint."""
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
    bottom.set_ylabel("cut off, %")
    bottom.set_xlabel("step")
    if len(steps) <= FEW:
        bottom.set_xticks(steps)
    for axes in (top, bottom):
        percents(axes, "y")
    for axes in (top, middle, bottom):
        axes.grid(axis="y")
    for axes in (middle, bottom):
        axes.set_ylim(0, 1.12 * axes.get_ylim()[1])
    figure.align_ylabels()
    legend(figure, _keys())
    return figure


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


def _keys() -> list[Any]:
    return [
        Line2D([], [], marker=".", color="black", alpha=0.5, linewidth=0, label="a seed"),
        Patch(color=RIGHT, alpha=0.22, label="± sd of seeds"),
        Line2D([], [], color=RIGHT, label="95 %, problems like these"),
    ]
