"""From an output folder to everything that is said of it: models read one at a time, then compared. Writes nothing."""

from collections import Counter
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from evalsuite.errors import UserError
from evalsuite.statistics.bootstrap import percentile_interval
from evalsuite.statistics.paired import benjamini_hochberg, holm, macro_difference
from evalsuite.summary.cautions import between
from evalsuite.summary.entries import Entry, Options, describe
from evalsuite.summary.labels import natural
from evalsuite.summary.pairs import Pairs, compare_all, metrics_of, rows_of, verdicts
from evalsuite.summary.read import NAME, BadFile, Model, read_model
from evalsuite.summary.references import Reference, read_references
from evalsuite.summary.series import Line, lines


@dataclass(frozen=True)
class Described:
    """One model without its runs, its configurations, and its rows of seed_analysis.csv."""

    model: Model
    entries: list[Entry]
    seed_rows: list[dict[str, Any]]


@dataclass(frozen=True)
class Summary:
    """All of an output folder. `bad` are (place, reason) that were left out, `rows` those of model_comparison.csv."""

    models: list[Described]
    entries: list[Entry]
    compared: list[Pairs]
    rows: list[dict[str, Any]]
    macro: list[dict[str, Any]]
    macro_pairs: list[dict[str, Any]]
    references: list[Reference]
    bad: list[tuple[str, str]]
    waiting: list[str]  # experiments without any whole seed to show, still running
    baseline: str | None
    options: Options
    series: list[Line]  # checkpoints of training runs

    @property
    def tasks(self) -> list[str]:
        return sorted({entry.task for entry in self.entries}, key=natural)

    def peers(self, task: str) -> list[Entry]:
        """The configurations of a task, by name."""
        return sorted((entry for entry in self.entries if entry.task == task), key=lambda entry: entry.order)

    def primary(self, task: str) -> str:
        """The metric that tables show of a task."""
        return metrics_of(self.peers(task))[0]

    def cautions(self, task: str) -> list[str]:
        """Warnings of a task as a whole, over the configurations that have a whole seed."""
        peers = [entry for entry in self.peers(task) if entry.seeds]
        problems = [set(entry.columns[entry.primary].problems) for entry in peers]
        return between([entry.configuration for entry in peers], problems) if peers else []

    def row(self, entry: Entry) -> dict[str, Any]:
        """An entry's row by its task's primary metric; by its own where it lacks that one, which `metric` says."""
        return entry.rows.get(self.primary(entry.task)) or entry.rows[entry.primary]

    @property
    def primary_rows(self) -> list[dict[str, Any]]:
        """The comparisons by the primary metrics, task by task."""
        primary = {task: self.primary(task) for task in self.tasks}
        return [row for row in self.rows if row["metric"] == primary[row["task"]]]

    def pairs(self, task: str) -> Pairs | None:
        """The comparisons of a task by its primary metric, None without any."""
        metric = self.primary(task)
        return next((p for p in self.compared if (p.task, p.metric) == (task, metric) and p.values), None)


def summarise(folder: Path, baseline: str | None, options: Options) -> Summary:
    """Read and describe every model below `folder`, and compare all.

    Raises UserError where there is nothing to read or the baseline is unknown; a bad file is listed, the rest is done.
    """
    models, bad, waiting = _read_all(folder, options)
    entries = [entry for model in models for entry in model.entries]
    if not entries and not bad:
        raise UserError(f"no experiments in the results files of {folder}: run main.py, then analyze_results.py")
    baselines = None if baseline is None or not entries else choose(entries, baseline)
    compared = compare_all(entries, baselines, options)
    found = groups(entries)
    references, wrong = read_references(folder)
    rows = [row for pairs in compared if pairs.values for row in rows_of(pairs)]
    primaries = {pairs.task: pairs.metric for pairs in reversed(compared)}  # the first metric of each task
    macro = macro_rows(found, primaries, options)
    pairs = macro_pairs(found, compared, options)
    bad += wrong
    series = lines(entries, options)
    return Summary(models, entries, compared, rows, macro, pairs, references, bad, waiting, baseline, options, series)


def results_files(folder: Path) -> list[Path]:
    """The results files of the models in an output folder, by name; raises UserError where there is none."""
    if not folder.is_dir():
        raise UserError(f"no folder {folder}: give the OUTPUT_DIR that main.py wrote to")
    found = sorted(folder.glob(f"*/{NAME}"), key=lambda path: natural(path.parent.name))
    if not found and (folder / NAME).is_file():
        raise UserError(
            f"{folder} is one model's folder: give {folder.absolute().parent}, or --results-path {folder / NAME}"
        )
    if not found:
        raise UserError(f"no {NAME} in the folders of {folder}: run analyze_results.py {folder} first")
    return found


def choose(entries: list[Entry], name: str) -> dict[str, Entry]:
    """The configuration that a name stands for, by task: a label as tables show it, or a model with one configuration.

    Raises UserError for an unknown name, with the nearest, and for one that stands for several.
    """
    found = [entry for entry in entries if entry.label == name] or [entry for entry in entries if entry.model == name]
    if not found:
        names = sorted({entry.label for entry in entries} | {entry.model for entry in entries}, key=natural)
        near = get_close_matches(name, names, 3, 0.4) or names[:6]
        raise UserError(f"no model {name!r} in the results; there are: {', '.join(near)}")
    chosen: dict[str, Entry] = {}
    for entry in found:
        if entry.task in chosen:
            labels = " or ".join(repr(one.label) for one in (chosen[entry.task], entry))
            raise UserError(f"{name!r} has several configurations on {entry.task}: give {labels}")
        chosen[entry.task] = entry
    return chosen


def describe_model(model: Model, options: Options) -> Described:
    """Describe one model; its runs, which take the memory, are let go."""
    entries, seed_rows = describe(model, options)
    return Described(replace(model, runs=[]), entries, seed_rows)


def _read_all(folder: Path, options: Options) -> tuple[list[Described], list[tuple[str, str]], list[str]]:
    models: list[Described] = []
    bad: list[tuple[str, str]] = []
    waiting: list[str] = []
    seen: dict[str, Path] = {}
    for path in results_files(folder):
        place = f"{path.parent.name}/{path.name}"
        try:
            model = read_model(path)
            if model.name in seen:
                raise BadFile(f"holds the model {model.name!r} as {seen[model.name].parent.name} does; rename one")
        except BadFile as error:
            bad.append((place, str(error)))
            continue
        seen[model.name] = path
        bad += [(f"{place}: {name}", reason) for name, reason in model.bad]
        waiting += [str(one.get("experiment")) for one in model.notes.get("unfinished") or [] if isinstance(one, dict)]
        models.append(describe_model(model, options))
    return models, bad, waiting


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
