"""Summarises an output folder: reads and describes one model at a time, then compares them. Writes nothing."""

from collections import Counter
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from evalsuite.errors import UserError
from evalsuite.statistics.bootstrap import percentile_interval
from evalsuite.statistics.paired import benjamini_hochberg, holm, macro_difference
from evalsuite.summary.config_results import ConfigResult, Options, describe
from evalsuite.summary.config_warnings import task_warnings
from evalsuite.summary.labels import natural_order
from evalsuite.summary.pairs import Pairs, compare_all, metrics_of, rows_of, verdicts
from evalsuite.summary.read import NAME, BadFile, Model, read_model
from evalsuite.summary.references import Reference, read_references
from evalsuite.summary.series import Line, find_series


@dataclass(frozen=True)
class ModelSummary:
    """One model (without its runs), the results of its configurations, and its rows of seed_analysis.csv."""

    model: Model
    configs: list[ConfigResult]
    seed_rows: list[dict[str, Any]]


@dataclass(frozen=True)
class Summary:
    """The summary of an output folder.

    `rows` are those of model_comparison.csv, `macro` and `macro_pairs` those of averages over tasks. `bad` holds
    (path, reason) of what was left out, `unfinished` the names of experiments that are still running.
    """

    models: list[ModelSummary]
    configs: list[ConfigResult]
    compared: list[Pairs]
    rows: list[dict[str, Any]]
    macro: list[dict[str, Any]]
    macro_pairs: list[dict[str, Any]]
    references: list[Reference]
    bad: list[tuple[str, str]]
    unfinished: list[str]
    baseline: str | None
    options: Options
    series: list[Line]  # checkpoints of training runs

    @property
    def tasks(self) -> list[str]:
        return sorted({config.task for config in self.configs}, key=natural_order)

    def peers(self, task: str) -> list[ConfigResult]:
        """The configurations of a task, by name."""
        return sorted((config for config in self.configs if config.task == task), key=lambda config: config.order)

    def primary(self, task: str) -> str:
        """The metric that tables show for a task."""
        return metrics_of(self.peers(task))[0]

    def task_warnings(self, task: str) -> list[str]:
        """The warnings about a task as a whole, over the configurations that have a finished seed."""
        peers = [config for config in self.peers(task) if config.seeds]
        problems = [set(config.stats[config.primary].problems) for config in peers]
        return task_warnings([config.configuration for config in peers], problems) if peers else []

    def row(self, config: ConfigResult) -> dict[str, Any]:
        """A configuration's row for the task's primary metric; for its own primary metric if it lacks that one."""
        return config.rows.get(self.primary(config.task)) or config.rows[config.primary]

    @property
    def primary_rows(self) -> list[dict[str, Any]]:
        """The comparisons on the primary metrics, task by task."""
        primary = {task: self.primary(task) for task in self.tasks}
        return [row for row in self.rows if row["metric"] == primary[row["task"]]]

    def pairs(self, task: str) -> Pairs | None:
        """The comparisons of a task on its primary metric; None if there are none."""
        metric = self.primary(task)
        return next((p for p in self.compared if (p.task, p.metric) == (task, metric) and p.values), None)


def summarise(folder: Path, baseline: str | None, options: Options) -> Summary:
    """Read and describe every model in `folder`, and compare them.

    Raises UserError if there is nothing to read or the baseline is unknown. Bad files are listed in the result.
    """
    models, bad, unfinished = _read_all(folder, options)
    configs = [config for model in models for config in model.configs]
    if not configs and not bad:
        raise UserError(f"no experiments in the results files of {folder}: run main.py, then analyze_results.py")
    baselines = None if baseline is None or not configs else find_by_name(configs, baseline)
    compared = compare_all(configs, baselines, options)
    settings = group_by_setting(configs)
    references, wrong = read_references(folder)
    rows = [row for pairs in compared if pairs.values for row in rows_of(pairs)]
    primaries = {pairs.task: pairs.metric for pairs in reversed(compared)}  # the first metric of each task
    return Summary(
        models=models,
        configs=configs,
        compared=compared,
        rows=rows,
        macro=macro_rows(settings, primaries, options),
        macro_pairs=macro_pairs(settings, compared, options),
        references=references,
        bad=bad + wrong,
        unfinished=unfinished,
        baseline=baseline,
        options=options,
        series=find_series(configs, options),
    )


def results_files(folder: Path) -> list[Path]:
    """The results files of the models in an output folder, sorted by name; raises UserError if there are none."""
    if not folder.is_dir():
        raise UserError(f"no folder {folder}: give the OUTPUT_DIR that main.py wrote to")
    found = sorted(folder.glob(f"*/{NAME}"), key=lambda path: natural_order(path.parent.name))
    if not found and (folder / NAME).is_file():
        raise UserError(
            f"{folder} is one model's folder: give {folder.absolute().parent}, or --results-path {folder / NAME}"
        )
    if not found:
        raise UserError(f"no {NAME} in the folders of {folder}: run analyze_results.py {folder} first")
    return found


def find_by_name(configs: list[ConfigResult], name: str) -> dict[str, ConfigResult]:
    """Find the configurations that have a name, by task: a label as in the tables, or a model with one configuration.

    Raises UserError for an unknown name, suggesting similar ones, and for an ambiguous one.
    """
    found = [one for one in configs if one.label == name] or [one for one in configs if one.model == name]
    if not found:
        names = sorted({config.label for config in configs} | {config.model for config in configs}, key=natural_order)
        near = get_close_matches(name, names, 3, 0.4) or names[:6]
        raise UserError(f"no model {name!r} in the results; there are: {', '.join(near)}")
    chosen: dict[str, ConfigResult] = {}
    for config in found:
        if config.task in chosen:
            labels = " or ".join(repr(one.label) for one in (chosen[config.task], config))
            raise UserError(f"{name!r} has several configurations on {config.task}: give {labels}")
        chosen[config.task] = config
    return chosen


def describe_model(model: Model, options: Options) -> ModelSummary:
    """Describe one model and drop its runs, which take most of the memory."""
    configs, seed_rows = describe(model, options)
    return ModelSummary(replace(model, runs=[]), configs, seed_rows)


def _read_all(folder: Path, options: Options) -> tuple[list[ModelSummary], list[tuple[str, str]], list[str]]:
    models: list[ModelSummary] = []
    bad: list[tuple[str, str]] = []
    unfinished: list[str] = []
    seen: dict[str, Path] = {}
    for path in results_files(folder):
        name = f"{path.parent.name}/{path.name}"
        try:
            model = read_model(path)
            if model.name in seen:
                raise BadFile(f"same model {model.name!r} as in {seen[model.name].parent.name}; rename one of the two")
        except BadFile as error:
            bad.append((name, str(error)))
            continue
        seen[model.name] = path
        bad += [(f"{name}: {experiment}", reason) for experiment, reason in model.bad]
        listed = model.notes.get("unfinished") or []
        unfinished += [str(one.get("experiment")) for one in listed if isinstance(one, dict)]
        models.append(describe_model(model, options))
    return models, bad, unfinished


@dataclass(frozen=True)
class Setting:
    """One model in one setting, with its configuration on each task."""

    label: str
    configs: dict[str, ConfigResult]


def group_by_setting(configs: list[ConfigResult]) -> list[Setting]:
    """Group each model's configurations by setting; a model with one configuration per task has a single setting."""
    models: dict[str, list[ConfigResult]] = {}
    for config in configs:
        models.setdefault(config.model, []).append(config)
    found = []
    for model, own in models.items():
        is_single = len({config.task for config in own}) == len(own)
        settings: dict[tuple[str, int], list[ConfigResult]] = {}
        seen: Counter[tuple[str, str]] = Counter()
        for config in own:
            key = "" if is_single else config.settings
            settings.setdefault((key, seen[key, config.task]), []).append(config)
            seen[key, config.task] += 1  # a second configuration with equal settings on the task is counted separately
        for members in settings.values():
            label = model if is_single else max((config.label for config in members), key=len)
            found.append(Setting(label, {config.task: config for config in members}))
    return found


def macro_rows(settings: list[Setting], primaries: dict[str, str], options: Options) -> list[dict[str, Any]]:
    """A row for each setting with at least two tasks: its macro average on the primary metrics, with intervals.

    The bootstrap draws of tasks are independent, so their average is a bootstrap stratified by task (Davison and
    Hinkley, 1997, section 3.2).
    """
    rows = []
    for setting in settings:
        scored = [config for config in setting.configs.values() if _is_scored(config, primaries)]
        if len(scored) < 2:
            continue
        means = [config.rows[config.primary]["mean_accuracy"] for config in scored]
        errors = np.array([config.rows[config.primary]["clustered_stderr"] for config in scored])
        low, high = percentile_interval(np.mean([config.draws for config in scored], axis=0), options.confidence)
        rows.append({
            "label": setting.label, "tasks": [config.task for config in scored], "n_tasks": len(scored),
            "macro_accuracy": float(np.mean(means)), "stderr": float(np.sqrt((errors**2).sum()) / len(errors)),
            "bootstrap_low": float(low), "bootstrap_high": float(high),
            "provisional": any(config.provisional for config in scored),
        })  # fmt: skip
    return rows


def _is_scored(config: ConfigResult, primaries: dict[str, str]) -> bool:
    """Whether it has a finished seed, and its primary metric is that of the task."""
    return config.primary == primaries[config.task] and config.rows[config.primary]["n_seeds"] > 0


def macro_pairs(settings: list[Setting], compared: list[Pairs], options: Options) -> list[dict[str, Any]]:
    """A row for each pair of settings: the difference of their averages over shared tasks, corrected over all pairs."""
    member = {(config.task, config.key): at for at, one in enumerate(settings) for config in one.configs.values()}
    cells: dict[tuple[int, int], dict[str, tuple]] = {}
    for pairs in _primary(compared):
        names = ("difference", "stderr", "n_problems", "stderr_these_problems")
        keys = [member[pairs.task, config.key] for config in pairs.configs]
        for i, j, *values in zip(pairs.a, pairs.b, *(pairs.values[name] for name in names), strict=True):
            cells.setdefault((keys[i], keys[j]), {})[pairs.task] = tuple(values)
    cells = {pair: tasks for pair, tasks in cells.items() if len(tasks) > 1}
    return _macro_pair_rows(settings, cells, options) if cells else []


def _primary(compared: list[Pairs]) -> list[Pairs]:
    """The comparisons on the first metric of each task."""
    first: dict[str, Pairs] = {}
    for pairs in compared:
        first.setdefault(pairs.task, pairs)
    return [pairs for pairs in first.values() if pairs.values]


def _macro_pair_rows(
    settings: list[Setting], cells: dict[tuple[int, int], dict[str, tuple]], options: Options
) -> list[dict[str, Any]]:
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
        {"a": settings[a].label, "b": settings[b].label, "tasks": list(values)}
        | {name: column[at] for name, column in columns.items()}
        for at, ((a, b), values) in enumerate(cells.items())
    ]
