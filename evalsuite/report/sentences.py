"""The answers of the report in sentences: which model is best, and whether that is more than chance."""

from dataclasses import dataclass
from typing import Any

from evalsuite.report.load import Entry, Study
from evalsuite.summary.labels import abbreviated
from evalsuite.summary.pairs import A_BETTER, B_BETTER
from evalsuite.summary.tables import interval, percent, span, spread

_MAX_NAMES = 3  # models listed in a sentence


@dataclass(frozen=True)
class Verdict:
    """The best of several: the others that it is above, those it is not distinguishable from, those not compared."""

    best: str
    above: list[str]
    alike: list[str]
    unknown: list[str]


def verdict(best: str, others: list[str], pairs: list[dict[str, Any]]) -> Verdict:
    """Sort the others by the verdict of their comparison with `best`, on problems like these."""
    above, alike, unknown = [], [], []
    found = {frozenset((row["a"], row["b"])): row for row in pairs}
    for other in others:
        row = found.get(frozenset((best, other)))
        if row is None or row["verdict_new_problems"] != row["verdict_new_problems"] or not row["verdict_new_problems"]:
            unknown.append(other)
        else:
            wins = A_BETTER if row["a"] == best else B_BETTER
            (above if row["verdict_new_problems"] == wins else alike).append(other)
    return Verdict(best, above, alike, unknown)


def scored(study: Study, task: str) -> list[Entry]:
    """The configurations of a task that have a finished seed."""
    return [entry for entry in study.of(task) if entry.row["n_seeds"] > 0]


def task_verdict(study: Study, task: str) -> Verdict | None:
    """The verdict on one task; None with fewer than two configurations."""
    entries = scored(study, task)
    if len(entries) < 2:
        return None
    best = max(entries, key=lambda entry: entry.mean).label
    return verdict(best, [entry.label for entry in entries if entry.label != best], study.pairs.get(task, []))


def leading(study: Study, task: str) -> set[str]:
    """The best and those not distinguishable from it; empty with a baseline or without comparisons."""
    found = task_verdict(study, task) if study.baseline is None else None
    return {found.best, *found.alike} if found and (found.above or found.alike) else set()


def headline(study: Study) -> list[str]:
    """The answer in a sentence, followed by its limitations."""
    if study.baseline is not None and study.compared:
        return [_against_baseline(study)]
    rows = _comparable(study)
    if len(rows) > 1:
        best = max(rows, key=lambda row: row["macro_accuracy"])
        others = [row["label"] for row in rows if row is not best]
        ends = span(best["bootstrap_low"], best["bootstrap_high"])
        number = f"{percent(best['macro_accuracy'])}% {ends} on average over {best['n_tasks']} tasks"
        return _answer(verdict(best["label"], others, study.overall_pairs), number, study)
    if len(study.tasks) == 1:
        return _single_task(study, study.tasks[0])
    if rows:
        ends = span(rows[0]["bootstrap_low"], rows[0]["bootstrap_high"])
        only = f"{rows[0]['label']} solves {percent(rows[0]['macro_accuracy'])}% {ends} on average over"
        return [f"{only} {rows[0]['n_tasks']} tasks.", "There is no second model to compare it with."]
    if len(study.labels) < 2:
        return [
            "One model was evaluated; the table below shows its results.",
            "There is nothing to compare it with.",
        ]
    return ["The models share fewer than two tasks; each task below has its own answer."]


def _single_task(study: Study, task: str) -> list[str]:
    entries = scored(study, task)
    if not entries:
        return [f"No seed of {task} is finished yet."]
    best = max(entries, key=lambda entry: entry.mean)
    number = f"{percent(best.mean)}% {interval(best.row)} of {task}"
    found = task_verdict(study, task)
    if found is None:
        return [f"{best.label} solves {number}.", "There is no second model to compare it with."]
    return _answer(found, number, study)


def _answer(found: Verdict, number: str, study: Study) -> list[str]:
    others = len(found.above) + len(found.alike) + len(found.unknown)
    if not study.compared or len(found.unknown) == others:
        why = "nothing was compared" if not study.compared else "it could not be compared with any other"
        return [f"{found.best} scores highest, {number}.", f"Whether that is more than chance is unknown: {why}."]
    unknown = f"Not compared with it: {abbreviated(found.unknown, _MAX_NAMES)}." if found.unknown else ""
    if not found.alike:
        whom = "every other model" if others > 1 else (found.above or [""])[0]
        first = f"{found.best} is best, {number}, and distinguishable from {whom}."
    elif not found.above:
        whom = "any other model" if others > 1 else found.alike[0]
        first = f"{found.best} scores highest, {number}, but is not distinguishable from {whom}."
    else:
        first = (
            f"{found.best} scores highest, {number}: distinguishable from {len(found.above)} of {others} other models, "
            f"but not from {abbreviated(found.alike, _MAX_NAMES)}."
        )
    return [line for line in (first, unknown) if line]


def _comparable(study: Study) -> list[dict[str, Any]]:
    """The averages over the most common set of tasks, because averages over different tasks cannot be compared."""
    sets = [tuple(sorted(row["tasks"])) for row in study.overall]
    if not sets:
        return []
    most = max(set(sets), key=lambda tasks: (sets.count(tasks), len(tasks), tasks))
    return [row for row, tasks in zip(study.overall, sets, strict=True) if tasks == most]


def _against_baseline(study: Study) -> str:
    better, worse, alike = [], [], []
    for row in (row for rows in study.pairs.values() for row in rows):
        name = f"{row['a']} on {row['task']}"
        (better if row["verdict_new_problems"] == A_BETTER else worse if row["verdict_new_problems"] == B_BETTER
         else alike).append(name)  # fmt: skip
    words = [f"better: {abbreviated(better, _MAX_NAMES)}" if better else "none is better"]
    words += [f"worse: {abbreviated(worse, _MAX_NAMES)}"] if worse else []
    words += [f"not distinguishable: {len(alike)}"] if alike else []
    return f"Compared with {study.baseline}, {'; '.join(words)}."


def task_line(study: Study, task: str) -> str:
    """One task's answer in a line."""
    entries = scored(study, task)
    if not entries:
        return "no finished seed yet"
    best = max(entries, key=lambda entry: entry.mean)
    number = f"{best.label} {spread(best.mean, best.row['std_accuracy'])} {interval(best.row)}"
    found = task_verdict(study, task)
    if found is None:
        return number
    if not found.above and not found.alike:
        return f"{number}; not compared"
    if not found.alike:
        return f"{number}, distinguishable from every other model"
    return f"{number}, not distinguishable from {abbreviated(found.alike, _MAX_NAMES)}"
