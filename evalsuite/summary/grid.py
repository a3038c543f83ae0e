"""Runs of one configuration as matrices (seeds, problems), and the problem-level numbers that comparisons need."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalsuite.statistics.matrix import counts, is_binary, problem_means
from evalsuite.statistics.noise import within_variances
from evalsuite.summary.labels import BATCHING
from evalsuite.summary.read import Run


@dataclass(frozen=True)
class Grid:
    """The whole runs of one model, task and configuration, ordered by seed; problems in order of first appearance."""

    task: str
    config_id: str
    runs: list[Run]  # whole ones
    partial: list[Run]  # unfinished or incomplete ones, which enter no mean
    problems: list[str]
    places: list[NDArray[np.int64]]  # for each run, where its problems stand

    @property
    def metrics(self) -> list[str]:
        """All metrics of its runs, the primary one first."""
        return list(dict.fromkeys(metric for run in [*self.runs, *self.partial] for metric in run.scores))

    @property
    def some(self) -> Run:
        """A run to read the configuration from: the same in all."""
        return (self.runs or self.partial)[0]

    @property
    def provisional(self) -> bool:
        """Whether seeds are still to come, or one was left out as unfinished."""
        return bool(self.partial) or any(run.provisional for run in self.runs)

    @property
    def total(self) -> int | None:
        """Problems that the task has; None where nobody says."""
        return max((run.total for run in [*self.runs, *self.partial] if run.total is not None), default=None)

    def circumstances(self) -> list[dict[str, Any]]:
        """What should not change a result, for each run: GPUs, versions, and the batch sizes."""
        batching = [{key: run.configuration.get(key) for key in BATCHING} for run in self.runs]
        return [sizes | run.circumstances for sizes, run in zip(batching, self.runs, strict=True)]

    def matrix(self, column: Callable[[Run], NDArray | None]) -> NDArray[np.float64]:
        """A column of the runs as a (seeds, problems) matrix, NaN where a run lacks the problem or the column."""
        cells = np.full((len(self.runs), len(self.problems)), np.nan)
        for row, (run, at) in enumerate(zip(self.runs, self.places, strict=True)):
            values = column(run)
            if values is not None:
                cells[row, at] = values
        return cells

    def scores(self, metric: str) -> NDArray[np.float64]:
        """Scores of one metric, shape (seeds, problems)."""
        return self.matrix(lambda run: run.scores.get(metric))

    def answers(self, metric: str) -> list[tuple] | None:
        """For each problem the answers of its seeds, in the order of the rows of `scores`; None if they are unknown."""
        rows = np.full((len(self.runs), len(self.problems)), None, dtype=object)
        for row, (run, at) in enumerate(zip(self.runs, self.places, strict=True)):
            if metric not in run.answers:
                return None
            rows[row, at] = np.array(run.answers[metric], dtype=object)
        return list(map(tuple, rows.T))


@dataclass(frozen=True)
class Column:
    """One configuration's problem-level numbers for one metric, each of shape (problems,): what a comparison needs."""

    problems: list[str]
    x: NDArray[np.float64]  # mean over seeds
    s2: NDArray[np.float64]  # unbiased variance over seeds; that of the others where there is one completion
    k: NDArray[np.int64]  # completions
    binary: bool

    @property
    def scored(self) -> int:
        """Problems with a score."""
        return int((self.k > 0).sum())


def column(problems: list[str], scores: NDArray[np.float64]) -> Column:
    """Reduce a (seeds, problems) matrix to its problem-level numbers."""
    return Column(problems, problem_means(scores), within_variances(scores), counts(scores), is_binary(scores))


def grids(runs: list[Run]) -> list[Grid]:
    """Group one model's runs by task and configuration, in order of first appearance."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.task, run.config_id), []).append(run)
    return [_grid(task, config_id, group) for (task, config_id), group in groups.items()]


def _grid(task: str, config_id: str, group: list[Run]) -> Grid:
    ordered = sorted(group, key=lambda run: (run.seed is None, run.seed or 0))
    whole = [run for run in ordered if run.whole]
    index: dict[str, int] = {}
    places = [np.array([index.setdefault(key, len(index)) for key in run.problems]) for run in whole]
    return Grid(task, config_id, whole, [run for run in ordered if not run.whole], list(index), places)
