"""All comparisons of an output folder: every task and metric, then rows for model_comparison.csv."""

from typing import Any

import numpy as np

from evalsuite.statistics.multiple import holm
from evalsuite.summary.entries import Entry, Options
from evalsuite.summary.pairs import Pairs, compare
from evalsuite.summary.words import CONDITIONS, apart, natural


def compare_all(entries: list[Entry], baselines: dict[str, Entry] | None, options: Options) -> list[Pairs]:
    """Compare within every task and metric, primary ones first; with `baselines` (by task) only pairs with those."""
    found = []
    for task in sorted({entry.task for entry in entries}, key=natural):
        peers = sorted((entry for entry in entries if entry.task == task), key=lambda entry: entry.order)
        baseline = None if baselines is None else baselines.get(task)
        if baselines is not None and baseline is None:
            continue
        found += [compare(task, metric, peers, baseline, options) for metric in metrics_of(peers)]
    _across_tasks(found)
    return found


def metrics_of(peers: list[Entry]) -> list[str]:
    """The metrics of a task, its primary one first: what most configurations have as theirs, by name in a draw."""
    primaries = [entry.primary for entry in peers]
    metrics = dict.fromkeys(metric for entry in peers for metric in entry.columns)
    first = min(primaries, key=lambda metric: (-primaries.count(metric), metric))
    return [first, *(metric for metric in metrics if metric != first)]


def rows_of(pairs: Pairs) -> list[dict[str, Any]]:
    """One row a pair, as model_comparison.csv has it."""
    names = [name for name in pairs.values if not name.startswith("_")]
    columns = [list(pairs.values[name]) for name in names]
    kinds = [repr([entry.configuration.get(key) for key in CONDITIONS]) for entry in pairs.entries]
    cache: dict[tuple[str, str], str] = {}  # most models of a study share their conditions
    rows = []
    for i, j, *values in zip(pairs.a, pairs.b, *columns, strict=True):
        a, b = pairs.entries[i], pairs.entries[j]
        row = {"task": pairs.task, "metric": pairs.metric, "a": a.label, "b": b.label}
        row |= {"a_config_id": a.config_id, "b_config_id": b.config_id} | dict(zip(names, values, strict=True))
        row |= {"a_n_seeds": a.rows[pairs.metric]["n_seeds"], "b_n_seeds": b.rows[pairs.metric]["n_seeds"]}
        row |= {"comparisons": len(pairs.a), "provisional": a.provisional or b.provisional}
        if (kinds[i], kinds[j]) not in cache:
            cache[kinds[i], kinds[j]] = apart(a.configuration, b.configuration)
        most = max(entry.columns[pairs.metric].scored for entry in (a, b))
        rows.append(row | {"notes": "; ".join(_notes(row, most, cache[kinds[i], kinds[j]]))})
    return rows


def _notes(row: dict[str, Any], most: int, conditions: str) -> list[str]:
    """What limits a comparison, in words; `most` is the number of problems of the larger side."""
    notes = [f"conditions differ: {conditions}"] if conditions else []
    notes += [f"problem sets differ: {row['n_problems']} of {most} shared"] if row["n_problems"] < most else []
    notes += ["one seed: the noise on these very problems is unknown"] if np.isnan(row["stderr_these_problems"]) else []
    notes += ["one shared problem: nothing is known of others"] if row["n_problems"] == 1 else []
    if row["difference"] and row["stderr"] == 0:
        notes.append("all differences are equal: the interval has no width, p is the sign-flip test's")
    if row["difference"] and row["stderr_these_problems"] == 0:
        notes.append("no problem's seeds disagree: p on these very problems is by the variance pooled over both")
    return notes


def _across_tasks(found: list[Pairs]) -> None:
    """Holm over all tasks of a metric, for who reads the tables of all tasks at once."""
    for metric in {pairs.metric for pairs in found}:
        same = [pairs for pairs in found if pairs.metric == metric and pairs.values]
        if not same:
            continue
        adjusted = holm(np.concatenate([pairs.values["p_value"] for pairs in same]))
        ends = np.cumsum([len(pairs.a) for pairs in same])[:-1]
        for pairs, part in zip(same, np.split(adjusted, ends), strict=True):
            pairs.values["p_holm_all_tasks"] = part
