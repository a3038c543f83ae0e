"""Averages over tasks: each task weighs the same; intervals by a bootstrap stratified by task, pairs by their tests."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalsuite.statistics.bootstrap import percentile_interval
from evalsuite.statistics.macro import macro_difference
from evalsuite.statistics.multiple import benjamini_hochberg, holm
from evalsuite.summary.entries import Entry, Options
from evalsuite.summary.pairs import Pairs, verdicts


@dataclass(frozen=True)
class Group:
    """One model in one setting on several tasks."""

    label: str
    entries: dict[str, Entry]  # by task


def groups(entries: list[Entry]) -> list[Group]:
    """Put together what one setting of a model has on each task; a model with one configuration a task is one group."""
    models: dict[str, list[Entry]] = {}
    for entry in entries:
        models.setdefault(entry.model, []).append(entry)
    found = []
    for model, own in models.items():
        single = len({entry.task for entry in own}) == len(own)
        settings: dict[tuple[str, int], list[Entry]] = {}
        seen: Counter[tuple[str, str]] = Counter()
        for entry in own:
            alike = "" if single else entry.settings
            settings.setdefault((alike, seen[alike, entry.task]), []).append(entry)
            seen[alike, entry.task] += 1  # a task's second one is a group of its own
        for alike in settings.values():
            label = model if single else max((entry.label for entry in alike), key=len)
            found.append(Group(label, {entry.task: entry for entry in alike}))
    return found


def macro_rows(found: list[Group], primaries: dict[str, str], options: Options) -> list[dict[str, Any]]:
    """One row a group with at least two tasks: the macro average by the tasks' primary metrics, bootstrap interval."""
    rows = []
    for group in found:
        scored = [entry for entry in group.entries.values() if _scored(entry, primaries)]
        if len(scored) < 2:
            continue
        means = [entry.rows[entry.primary]["mean_accuracy"] for entry in scored]
        errors = np.array([entry.rows[entry.primary]["clustered_stderr"] for entry in scored])
        low, high = percentile_interval(np.mean([entry.draws for entry in scored], axis=0), options.confidence)
        rows.append({
            "label": group.label, "tasks": [entry.task for entry in scored], "n_tasks": len(scored),
            "macro_accuracy": float(np.mean(means)), "stderr": float(np.sqrt((errors**2).sum()) / len(errors)),
            "bootstrap_low": float(low), "bootstrap_high": float(high),
            "provisional": any(entry.provisional for entry in scored),
        })  # fmt: skip
    return rows


def _scored(entry: Entry, primaries: dict[str, str]) -> bool:
    """Whether it has a whole seed, and for its primary metric the one that its task shows."""
    return entry.primary == primaries[entry.task] and entry.rows[entry.primary]["n_seeds"] > 0


def macro_pairs(found: list[Group], compared: list[Pairs], options: Options) -> list[dict[str, Any]]:
    """Differences of macro averages over the tasks that both have; corrected over all these pairs."""
    member = {(entry.task, entry.key): at for at, group in enumerate(found) for entry in group.entries.values()}
    cells: dict[tuple[int, int], dict[str, tuple]] = {}
    for pairs in _primary(compared):
        names = ("difference", "stderr", "n_problems", "stderr_these_problems")
        keys = [member[pairs.task, entry.key] for entry in pairs.entries]
        for i, j, *values in zip(pairs.a, pairs.b, *(pairs.values[name] for name in names), strict=True):
            cells.setdefault((keys[i], keys[j]), {})[pairs.task] = tuple(values)
    cells = {pair: tasks for pair, tasks in cells.items() if len(tasks) > 1}
    return _rows(found, cells, options) if cells else []


def _primary(compared: list[Pairs]) -> list[Pairs]:
    """The first metric of each task."""
    first: dict[str, Pairs] = {}
    for pairs in compared:
        first.setdefault(pairs.task, pairs)
    return [pairs for pairs in first.values() if pairs.values]


def _rows(found: list[Group], cells: dict[tuple[int, int], dict[str, tuple]], options: Options) -> list[dict[str, Any]]:
    tasks = list(dict.fromkeys(task for values in cells.values() for task in values))
    table = np.array([[values.get(task, (np.nan,) * 4) for task in tasks] for values in cells.values()], dtype=float)
    difference, stderr, n, these_stderr = np.moveaxis(table, 2, 0)
    new = macro_difference(difference, stderr, n, options.confidence)
    these = macro_difference(difference, these_stderr, np.full_like(n, np.inf), options.confidence)
    columns = {
        "n_tasks": new.n, "difference": new.difference, "stderr": new.stderr, "ci_low": new.low, "ci_high": new.high,
        "p_value": new.p_value, "p_holm": holm(new.p_value), "p_bh": benjamini_hochberg(new.p_value),
        "stderr_these_problems": these.stderr, "p_value_these_problems": these.p_value,
        "p_holm_these_problems": holm(these.p_value),
    }  # fmt: skip
    columns["verdict_new_problems"] = verdicts(columns["p_holm"], new.difference, options.alpha)
    columns["verdict_these_problems"] = verdicts(columns["p_holm_these_problems"], new.difference, options.alpha)
    return [
        {"a": found[a].label, "b": found[b].label, "tasks": list(values)}
        | {name: column[at] for name, column in columns.items()}
        for at, ((a, b), values) in enumerate(cells.items())
    ]
