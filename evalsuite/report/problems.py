"""What a configuration did problem by problem: solve counts, lengths of right and wrong answers, disagreements."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalsuite.collect.disagreements import METRICS
from evalsuite.summary.config_runs import ConfigRuns, group_runs
from evalsuite.summary.read import Run

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class ProblemLevel:
    """`right` and `asked` are answers a problem, shape (problems,); quantiles are 5, 25, 50, 75, 95 % of tokens.

    A value that is not known is None.
    """

    problems: list[str]
    right: NDArray[np.float64]
    asked: NDArray[np.int64]
    lengths_right: list[float] | None
    lengths_wrong: list[float] | None
    disagreement_rate: float | None
    cut: int | None  # tokens an answer was allowed
    answers: int


def problem_levels(runs: list[Run], primary: dict[str, str]) -> dict[tuple[str, str], ProblemLevel]:
    """By (task, config_id), for all configurations that have a whole seed."""
    return {(group.task, group.config_id): _level(group, primary) for group in group_runs(runs) if group.runs}


def _level(group: ConfigRuns, primary: dict[str, str]) -> ProblemLevel:
    wanted = primary.get(group.task)
    scores = group.scores(wanted if wanted in group.metrics else group.metrics[0])
    tokens = group.matrix(lambda run: run.tokens)
    there = ~np.isnan(scores)
    cut = group.any_run.configuration.get("max_new_tokens")
    return ProblemLevel(
        problems=group.problems,
        right=np.nansum(scores, axis=0),
        asked=there.sum(axis=0),
        lengths_right=_quantiles(tokens[there & (scores >= 0.5)]),
        lengths_wrong=_quantiles(tokens[there & (scores < 0.5)]),
        disagreement_rate=_disagreement(group),
        cut=cut if isinstance(cut, int) and cut > 0 else None,
        answers=int(there.sum()),
    )


def _quantiles(tokens: NDArray[np.float64]) -> list[float] | None:
    tokens = tokens[~np.isnan(tokens)]
    return [float(value) for value in np.quantile(tokens, QUANTILES)] if tokens.size else None


def _disagreement(group: ConfigRuns) -> float | None:
    """Share of answers that our grader and lighteval judge differently; None where only one judged."""
    if not set(METRICS) <= set(group.metrics):
        return None
    ours, theirs = (group.scores(metric) for metric in METRICS)
    both = ~np.isnan(ours) & ~np.isnan(theirs)
    return float((ours != theirs)[both].mean()) if both.any() else None
