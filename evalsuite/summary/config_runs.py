"""The runs of one configuration as matrices (seeds, problems), and the problem statistics that comparisons need."""

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
class ConfigRuns:
    """The runs of one model, task and configuration, ordered by seed.

    `runs` holds the finished ones. `partial` holds unfinished and incomplete ones, which enter no mean. `problems` are
    in the order of their first appearance; `problem_indices` has, for each run, the index of each of its problems.
    """

    task: str
    config_id: str
    runs: list[Run]
    partial: list[Run]
    problems: list[str]
    problem_indices: list[NDArray[np.int64]]

    @property
    def metrics(self) -> list[str]:
        """All metrics of the runs, the primary one first."""
        return list(dict.fromkeys(metric for run in [*self.runs, *self.partial] for metric in run.scores))

    @property
    def any_run(self) -> Run:
        """A run to read the configuration from, which is the same in all."""
        return (self.runs or self.partial)[0]

    @property
    def provisional(self) -> bool:
        """Whether seeds are still to come, or one was left out."""
        return bool(self.partial) or any(run.provisional for run in self.runs)

    @property
    def total(self) -> int | None:
        """The number of problems that the task has; None if no run says it."""
        return max((run.total for run in [*self.runs, *self.partial] if run.total is not None), default=None)

    def circumstances(self) -> list[dict[str, Any]]:
        """For each run, what should not change a result: GPUs, versions, and the batch sizes."""
        batching = [{key: run.configuration.get(key) for key in BATCHING} for run in self.runs]
        return [sizes | run.circumstances for sizes, run in zip(batching, self.runs, strict=True)]

    def matrix(self, column: Callable[[Run], NDArray | None]) -> NDArray[np.float64]:
        """A column of the runs as a (seeds, problems) matrix, NaN where a run lacks the problem or the column."""
        cells = np.full((len(self.runs), len(self.problems)), np.nan)
        for row, (run, indices) in enumerate(zip(self.runs, self.problem_indices, strict=True)):
            values = column(run)
            if values is not None:
                cells[row, indices] = values
        return cells

    def scores(self, metric: str) -> NDArray[np.float64]:
        """The scores of one metric. (seeds, problems)"""
        return self.matrix(lambda run: run.scores.get(metric))

    def answers(self, metric: str) -> list[tuple] | None:
        """For each problem the answers of its seeds, in the order of the rows of `scores`; None if not recorded."""
        rows = np.full((len(self.runs), len(self.problems)), None, dtype=object)
        for row, (run, indices) in enumerate(zip(self.runs, self.problem_indices, strict=True)):
            if metric not in run.answers:
                return None
            rows[row, indices] = np.array(run.answers[metric], dtype=object)
        return list(map(tuple, rows.T))


@dataclass(frozen=True)
class ProblemStats:
    """One configuration's statistics per problem for one metric, which is all that a comparison needs. (problems,)"""

    problems: list[str]
    x: NDArray[np.float64]  # mean over seeds
    s2: NDArray[np.float64]  # unbiased variance over seeds; with one completion, the mean variance of the others
    k: NDArray[np.int64]  # completions
    binary: bool

    @property
    def scored(self) -> int:
        """The number of problems with a score."""
        return int((self.k > 0).sum())


def problem_stats(problems: list[str], scores: NDArray[np.float64]) -> ProblemStats:
    """Compute the statistics per problem from a (seeds, problems) matrix."""
    return ProblemStats(problems, problem_means(scores), within_variances(scores), counts(scores), is_binary(scores))


def group_runs(runs: list[Run]) -> list[ConfigRuns]:
    """Group one model's runs by task and configuration, in the order of first appearance."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.task, run.config_id), []).append(run)
    return [_config_runs(task, config_id, group) for (task, config_id), group in groups.items()]


def _config_runs(task: str, config_id: str, group: list[Run]) -> ConfigRuns:
    ordered = sorted(group, key=lambda run: (run.seed is None, run.seed or 0))
    finished = [run for run in ordered if run.is_finished]
    index: dict[str, int] = {}
    indices = [np.array([index.setdefault(key, len(index)) for key in run.problems]) for run in finished]
    return ConfigRuns(task, config_id, finished, [run for run in ordered if not run.is_finished], list(index), indices)
