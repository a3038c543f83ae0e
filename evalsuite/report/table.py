"""The table of results: configurations by tasks, with both error bars, and marks that refer to warnings."""

from dataclasses import dataclass
from typing import Any

from evalsuite.report.load import Entry, Study
from evalsuite.report.sentences import leading
from evalsuite.summary.labels import coverage
from evalsuite.summary.tables import Footnotes, interval, percent, span


@dataclass(frozen=True)
class ResultCell:
    """One cell. Columns are sorted by `sort`; unknown values are empty texts."""

    mean: str = ""
    deviation: str = ""
    interval: str = ""
    sort: float | None = None
    bold: bool = False
    marks: tuple[str, ...] = ()
    title: str = ""


@dataclass(frozen=True)
class ResultRow:
    label: str
    cells: list[ResultCell]
    published: bool = False


@dataclass(frozen=True)
class ResultTable:
    """`heads` holds (task, problems and metric, marks), `notes` (mark, text).

    `metric` is empty if the tasks have different ones; then `heads` says them.
    """

    heads: list[tuple[str, str, tuple[str, ...]]]
    rows: list[ResultRow]
    notes: list[tuple[str, str]]
    averaged: bool
    metric: str


def result_table(study: Study) -> ResultTable:
    """All configurations by name, then published numbers; the last column has averages, if there are any."""
    notes = Footnotes()
    heads = [(task, _measured(study, task), _marks(notes, study.task_warnings.get(task, []))) for task in study.tasks]
    averages = {row["label"]: row for row in study.overall}
    leads = {task: leading(study, task) for task in study.tasks}
    by_place = {(entry.label, entry.task): entry for entry in study.entries}
    labels = [*study.labels, *(label for label in averages if label not in study.labels)]
    rows = []
    for label in labels:
        entries = [by_place.get((label, task)) for task in study.tasks]
        cells = [
            _cell(entry, label in leads[task], notes, study) if entry else ResultCell()
            for task, entry in zip(study.tasks, entries, strict=True)
        ]
        rows.append(ResultRow(label, cells + ([_average(averages.get(label), study, notes)] if averages else [])))
    published = [_published(study, name, notes, bool(averages)) for name in _sources(study)]
    return ResultTable(heads, rows + published, notes.notes, bool(averages), _shared_metric(study))


def _marks(notes: Footnotes, lines: list[str]) -> tuple[str, ...]:
    return tuple(notes.letter(line) for line in lines)


def _measured(study: Study, task: str) -> str:
    entries = study.of(task)
    count = coverage(entry.row for entry in entries)
    return f"{count} problems" if _shared_metric(study) else f"{count} problems, {study.primary[task]}"


def _shared_metric(study: Study) -> str:
    metrics = {study.primary[task] for task in study.tasks}
    return metrics.pop() if len(metrics) == 1 else ""


def _cell(entry: Entry, bold: bool, notes: Footnotes, study: Study) -> ResultCell:
    row = entry.row
    warnings = list(entry.warnings)
    if row["metric"] != study.primary[entry.task]:
        warnings.append(f"scored by {row['metric']}, because it has no {study.primary[entry.task]}")
    if not row["n_seeds"]:
        return ResultCell(title="no finished seed yet", marks=_marks(notes, warnings))
    seeds = f"{row['n_seeds']} seed{'s' * (row['n_seeds'] > 1)}, {coverage([row])} problems"
    return ResultCell(
        mean=percent(row["mean_accuracy"]),
        deviation=percent(row["std_accuracy"]),
        interval=interval(row),
        sort=row["mean_accuracy"],
        bold=bold,
        marks=_marks(notes, warnings),
        title=seeds,
    )


def _average(row: dict[str, Any] | None, study: Study, notes: Footnotes) -> ResultCell:
    if row is None:
        return ResultCell(title="fewer than two tasks, or tasks without a finished seed")
    short = set(study.tasks) - set(row["tasks"])
    marks = _marks(notes, [f"average over {row['n_tasks']} of {len(study.tasks)} tasks"] if short else [])
    ends = span(row["bootstrap_low"], row["bootstrap_high"])
    return ResultCell(percent(row["macro_accuracy"]), "", ends, row["macro_accuracy"], marks=marks)


def _sources(study: Study) -> list[str]:
    return list(dict.fromkeys(one["model"] for one in study.references if one["task"] in study.tasks))


def _published(study: Study, model: str, notes: Footnotes, averaged: bool) -> ResultRow:
    """A row of published numbers, which are unpaired and never tested against."""
    own = {one["task"]: one for one in study.references if one["model"] == model}
    cells = []
    for task in study.tasks:
        one = own.get(task)
        if one is None:
            cells.append(ResultCell())
            continue
        words = [str(one[key]) for key in ("source", "settings") if isinstance(one.get(key), str) and one[key]]
        marks = _marks(notes, [f"published, not compared: {', '.join(words)}" if words else "published, not compared"])
        cells.append(ResultCell(percent(one["mean"]), percent(one["standard_deviation"]), "", one["mean"], marks=marks))
    return ResultRow(model, cells + ([ResultCell()] if averaged else []), published=True)
