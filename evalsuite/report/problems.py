"""Counts per problem for one configuration: right answers, lengths of right and wrong answers, disagreements."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalsuite.collect.disagreements import METRICS
from evalsuite.summary.config_runs import ConfigRuns, group_runs
from evalsuite.summary.read import Run

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class ProblemCounts:
    """`right` and `asked` count answers (problems,); lengths are the quantiles QUANTILES of output tokens.

    `cut` is the token limit. Unknown values are None.
    """

    problems: list[str]
    right: NDArray[np.float64]
    asked: NDArray[np.int64]
    lengths_right: list[float] | None
    lengths_wrong: list[float] | None
    disagreement_rate: float | None
    cut: int | None
    answers: int


def problem_counts(runs: list[Run], primary: dict[str, str]) -> dict[tuple[str, str], ProblemCounts]:
    """The counts by (task, config_id) of all configurations that have a finished seed."""
    return {(group.task, group.config_id): _problem_counts(group, primary) for group in group_runs(runs) if group.runs}


def _problem_counts(group: ConfigRuns, primary: dict[str, str]) -> ProblemCounts:
    wanted = primary.get(group.task)
    scores = group.scores(wanted if wanted in group.metrics else group.metrics[0])
    tokens = group.matrix(lambda run: run.tokens)
    is_scored = ~np.isnan(scores)
    cut = group.any_run.configuration.get("max_new_tokens")
    return ProblemCounts(
        problems=group.problems,
        right=np.nansum(scores, axis=0),
        asked=is_scored.sum(axis=0),
        lengths_right=_quantiles(tokens[is_scored & (scores >= 0.5)]),
        lengths_wrong=_quantiles(tokens[is_scored & (scores < 0.5)]),
        disagreement_rate=_disagreement(group),
        cut=cut if isinstance(cut, int) and cut > 0 else None,
        answers=int(is_scored.sum()),
    )


def _quantiles(tokens: NDArray[np.float64]) -> list[float] | None:
    tokens = tokens[~np.isnan(tokens)]
    return [float(value) for value in np.quantile(tokens, QUANTILES)] if tokens.size else None


def _disagreement(group: ConfigRuns) -> float | None:
    """The share of answers on which our grader and lighteval's disagree; None without scores of both."""
    if not set(METRICS) <= set(group.metrics):
        return None
    ours, theirs = (group.scores(metric) for metric in METRICS)
    both = ~np.isnan(ours) & ~np.isnan(theirs)
    return float((ours != theirs)[both].mean()) if both.any() else None
