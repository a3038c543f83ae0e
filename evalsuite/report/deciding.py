"""The problems that tell models apart: those whose solve rates spread most over the configurations of a task."""

from dataclasses import dataclass

import numpy as np

from evalsuite.report.data import solve_rates
from evalsuite.report.load import Study

MOST = 8


@dataclass(frozen=True)
class Deciding:
    """One problem: its best and worst configuration, and the mean rate over all."""

    problem: str
    best: str
    best_rate: float
    worst: str
    worst_rate: float
    mean: float


def deciding(study: Study, task: str) -> list[Deciding]:
    """The problems with the largest variance of solve rates, at most MOST; none with less than two configurations."""
    rates: dict[str, list[tuple[float, str]]] = {}
    for entry in study.of(task):
        for problem, rate in solve_rates(entry).items():
            rates.setdefault(problem, []).append((rate, entry.label))
    spread = {key: float(np.var([rate for rate, _ in found])) for key, found in rates.items() if len(found) > 1}
    chosen = sorted((key for key in spread if spread[key] > 0), key=lambda key: (-spread[key], key))[:MOST]
    return [_row(key, rates[key]) for key in chosen]


def _row(problem: str, found: list[tuple[float, str]]) -> Deciding:
    (high, best), (low, worst) = max(found, key=lambda one: one[0]), min(found, key=lambda one: one[0])
    return Deciding(problem, best, high, worst, low, float(np.mean([rate for rate, _ in found])))
