"""Checkpoints of training runs as the page and the figures show them: lines of points by step."""

from dataclasses import dataclass
from typing import Any

from evalsuite.files import printable
from evalsuite.report.load import Entry, Study, number

MAX_SETTING = 40  # characters


@dataclass(frozen=True)
class Line:
    """One setting of a series on a task. `points` pairs each checkpoint's row of series_analysis.csv with its entry.

    `best` is an index into `points`.
    """

    series: str
    task: str
    setting: str
    best: int
    sentences: list[str]
    points: list[tuple[dict[str, Any], Entry]]

    @property
    def name(self) -> str:
        """A name that distinguishes the line from others, for file names."""
        return "-".join(filter(None, (self.series, self.setting, self.task)))


def lines(study: Study) -> list[Line]:
    """The lines in comparison_results.json whose checkpoints could be read, in the same order."""
    entries = {(entry.model, entry.task, entry.config_id): entry for entry in study.entries}
    found = []
    for line in study.series:
        keys = [(row, (row["model"], line["task"], row["config_id"])) for row in line["steps"]]
        points = [(row, entries[key]) for row, key in keys if key in entries]
        best = next((at for at, (row, _) in enumerate(points) if row["best"]), None)
        if best is not None:
            found.append(Line(line["series"], line["task"], line["setting"], best, line["sentences"], points))
    return found


def by_series(study: Study) -> dict[str, list[tuple[int, Line]]]:
    """The lines of each series, with their indices among all lines."""
    found: dict[str, list[tuple[int, Line]]] = {}
    for index, line in enumerate(lines(study)):
        found.setdefault(line.series, []).append((index, line))
    return found


def chart_lines(study: Study) -> list[dict[str, Any]]:
    """The data of the charts of series."""
    labels, tasks = study.labels, study.tasks
    return [
        {
            "name": printable(line.series, 120),
            "setting": printable(line.setting, MAX_SETTING),
            "t": tasks.index(line.task),
            "best": line.best,
            "points": [_point(row, entry, labels) for row, entry in line.points],
        }
        for line in lines(study)
    ]


def _point(row: dict[str, Any], entry: Entry, labels: list[str]) -> dict[str, Any]:
    low, high = ("wilson_low", "wilson_high") if row["wilson_low"] == row["wilson_low"] else ("ci_low", "ci_high")
    names = {"mean": "mean_accuracy", "sd": "std_accuracy", "lo": low, "hi": high, "tokens": "mean_output_tokens",
             "tr": "truncated_rate"}  # fmt: skip
    seeds = [number(seed["accuracy"]) for seed in entry.seeds if seed.get("status", "finished") == "finished"]
    return {"step": row["step"], "m": labels.index(entry.label), "k": row["n_seeds"], "seeds": seeds,
            **{short: number(row[name]) for short, name in names.items()}}  # fmt: skip
