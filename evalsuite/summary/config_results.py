"""Reduces each configuration of a model to its rows and to what comparisons need, so that the runs can be freed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalsuite.summary.config_runs import ConfigRuns, ProblemStats, group_runs, problem_stats
from evalsuite.summary.config_warnings import config_warnings
from evalsuite.summary.configuration import config_row, seed_row
from evalsuite.summary.labels import BATCHING, TASK_SETTINGS, differing, differs_in, flatten, natural_order
from evalsuite.summary.read import Model


@dataclass(frozen=True)
class Options:
    """The number of bootstrap resamples and sign flips, and the significance level of intervals and verdicts."""

    resamples: int = 10_000
    alpha: float = 0.05

    @property
    def confidence(self) -> float:
        return 1 - self.alpha


@dataclass(frozen=True)
class ConfigResult:
    """One configuration of a model on a task. `rows` and `stats` are by metric, the primary one first.

    `label` is the model's name, followed by what distinguishes the configuration if the model has several. `settings`
    is equal for configurations that differ only in what follows from the task. `draws` are the bootstrap means of the
    primary metric (resamples,).
    """

    model: str
    task: str
    config_id: str
    label: str
    settings: str
    configuration: dict[str, Any]
    circumstances: dict[str, Any]
    seeds: list[int | None]
    rows: dict[str, dict[str, Any]]
    stats: dict[str, ProblemStats]
    draws: NDArray[np.float32]
    warnings: list[str]
    provisional: bool
    series: str | None = None  # name and step of a checkpoint of a training run
    step: int | None = None

    @property
    def primary(self) -> str:
        return next(iter(self.rows))

    @property
    def key(self) -> tuple[str, str]:
        """Identifies it among the configurations of one task."""
        return self.model, self.config_id

    @property
    def order(self) -> tuple:
        """The sort key of tables: by name, because sorting by score would sort by noise."""
        return natural_order(self.model), natural_order(self.label), self.config_id


def describe(model: Model, options: Options) -> tuple[list[ConfigResult], list[dict[str, Any]]]:
    """Return the results of all configurations of a model, and its rows for seed_analysis.csv."""
    found = sorted(group_runs(model.runs), key=lambda one: (natural_order(one.task), natural_order(one.config_id)))
    configs = []
    for task in dict.fromkeys(group.task for group in found):
        peers = [group for group in found if group.task == task]
        words = differs_in([group.any_run.configuration for group in peers])
        for group, word in zip(peers, words, strict=True):
            if words.count(word) > 1:  # only their ids distinguish configurations that differ in nothing recorded
                word = ", ".join(filter(None, (word, group.config_id)))
            configs.append(_config_result(model, group, word, options))
    rows = [
        seed_row(model.name, run, metric, options.confidence)
        for group in found
        for metric in group.metrics
        for run in sorted([*group.runs, *group.partial], key=lambda run: (run.seed is None, run.seed or 0))
        if metric in run.scores
    ]
    return configs, rows


def _config_result(model: Model, group: ConfigRuns, words: str, options: Options) -> ConfigResult:
    rows, stats = {}, {}
    draws = np.empty(0, np.float32)
    for metric in group.metrics:
        rows[metric], found = config_row(model.name, group, metric, words, options.resamples, options.confidence)
        draws = draws if draws.size else found.astype(np.float32)
        stats[metric] = problem_stats(group.problems, group.scores(metric))
    run = group.any_run
    settings = flatten(run.configuration, (*TASK_SETTINGS, *BATCHING))
    return ConfigResult(
        model=model.name,
        task=group.task,
        config_id=group.config_id,
        label=f"{model.name} ({words})" if words else model.name,
        settings=repr(sorted(settings.items(), key=lambda item: item[0])),
        configuration=run.configuration,
        circumstances=_shared(group.circumstances()),
        seeds=[one.seed for one in group.runs],
        rows=rows,
        stats=stats,
        draws=draws,
        warnings=config_warnings(group, next(iter(rows.values()))),
        provisional=group.provisional,
        series=run.series,
        step=run.step,
    )


def _shared(circumstances: list[dict[str, Any]]) -> dict[str, Any]:
    """The circumstances that all seeds share."""
    if not circumstances:
        return {}
    varied = differing(circumstances, ignore=())[0]
    return {key: value for key, value in circumstances[0].items() if not any(v.split(".")[0] == key for v in varied)}
