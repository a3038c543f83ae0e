"""A model's configurations, each reduced to its rows and to what comparisons need; the runs can then be forgotten."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalsuite.summary.cautions import cautions
from evalsuite.summary.configuration import config_row, seed_row
from evalsuite.summary.grid import Column, Grid, column, grids
from evalsuite.summary.labels import BATCHING, TASKS_OWN, differing, differs_in, flat, natural
from evalsuite.summary.read import Model


@dataclass(frozen=True)
class Options:
    """What the caller may set: bootstrap resamples and sign flips, and the level of intervals and verdicts."""

    resamples: int = 10_000
    alpha: float = 0.05

    @property
    def confidence(self) -> float:
        return 1 - self.alpha


@dataclass(frozen=True)
class Entry:
    """One configuration of a model on a task. `rows` and `columns` are by metric, the primary one first."""

    model: str
    task: str
    config_id: str
    label: str  # the model, and what differs where it has several configurations
    settings: str  # equal where configurations differ in nothing but what follows from the task
    configuration: dict[str, Any]
    circumstances: dict[str, Any]
    seeds: list[int | None]
    rows: dict[str, dict[str, Any]]
    columns: dict[str, Column]
    draws: NDArray[np.float32]  # bootstrap means of the primary metric
    cautions: list[str]
    provisional: bool
    series: str | None = None  # of checkpoints, and this one's step
    step: int | None = None

    @property
    def primary(self) -> str:
        return next(iter(self.rows))

    @property
    def key(self) -> tuple[str, str]:
        """Its identity among the configurations of one task."""
        return self.model, self.config_id

    @property
    def order(self) -> tuple:
        """Tables list models by name, never by their score: that would sort them by noise."""
        return natural(self.model), natural(self.label), self.config_id


def describe(model: Model, options: Options) -> tuple[list[Entry], list[dict[str, Any]]]:
    """All configurations of a model as entries, and its rows for seed_analysis.csv."""
    found = sorted(grids(model.runs), key=lambda grid: (natural(grid.task), natural(grid.config_id)))
    entries = []
    for task in dict.fromkeys(grid.task for grid in found):
        peers = [grid for grid in found if grid.task == task]
        words = differs_in([grid.some.configuration for grid in peers])
        for grid, word in zip(peers, words, strict=True):
            alone = words.count(word) == 1  # ids tell apart what differs in nothing that is on record
            entries.append(
                _entry(model, grid, word if alone else ", ".join(filter(None, (word, grid.config_id))), options)
            )
    rows = [
        seed_row(model.name, run, metric, options.confidence)
        for grid in found
        for metric in grid.metrics
        for run in sorted([*grid.runs, *grid.partial], key=lambda run: (run.seed is None, run.seed or 0))
        if metric in run.scores
    ]
    return entries, rows


def _entry(model: Model, grid: Grid, words: str, options: Options) -> Entry:
    rows, columns = {}, {}
    draws = np.empty(0, np.float32)
    for metric in grid.metrics:
        rows[metric], found = config_row(model.name, grid, metric, words, options.resamples, options.confidence)
        draws = draws if draws.size else found.astype(np.float32)
        columns[metric] = column(grid.problems, grid.scores(metric))
    return Entry(
        model=model.name,
        task=grid.task,
        config_id=grid.config_id,
        label=f"{model.name} ({words})" if words else model.name,
        settings=repr(sorted(flat(grid.some.configuration, (*TASKS_OWN, *BATCHING)).items(), key=lambda item: item[0])),
        configuration=grid.some.configuration,
        circumstances=_shared(grid.circumstances()),
        seeds=[run.seed for run in grid.runs],
        rows=rows,
        columns=columns,
        draws=draws,
        cautions=cautions(grid, next(iter(rows.values()))),
        provisional=grid.provisional,
        series=grid.some.series,
        step=grid.some.step,
    )


def _shared(circumstances: list[dict[str, Any]]) -> dict[str, Any]:
    """The circumstances that all seeds share."""
    if not circumstances:
        return {}
    mixed = differing(circumstances, but=())[0]
    return {key: value for key, value in circumstances[0].items() if not any(m.split(".")[0] == key for m in mixed)}
