"""The data of the page's charts as one JSON value, with numbers rounded to five digits and problems by difficulty."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from evalsuite.files import printable
from evalsuite.report.assets import is_private
from evalsuite.report.load import Entry, Study, number
from evalsuite.report.sentences import leading
from evalsuite.report.series import chart_lines
from evalsuite.summary.verdicts import what_would_settle

PAIR = ("difference", "ci_low", "ci_high", "p_value", "p_holm", "minimum_detectable_effect", "verdict_new_problems",
        "p_holm_these_problems", "verdict_these_problems")  # fmt: skip
MAX_NAME = 120  # characters of a name
MAX_PROBLEMS = 8  # in the list of problems on which the configurations differ most


def chart_data(study: Study, answered: set[str]) -> dict[str, Any]:
    """The data of all charts; `answered` holds the tasks whose answers are beside the page."""
    labels, tasks = study.labels, study.tasks
    orders = {task: by_difficulty(study, task) for task in tasks}
    return {
        "alpha": study.alpha,
        "baseline": study.baseline,
        "labels": [printable(label, MAX_NAME) for label in labels],
        "tasks": [
            {"name": printable(task, MAX_NAME), "metric": study.primary[task], "problems": orders[task],
             "answers": task in answered, "private": is_private(task)}
            for task in tasks
        ],
        "entries": [
            _entry(entry, tasks.index(task), labels.index(entry.label), orders[task], entry.label in leads)
            for task in tasks
            for leads in [leading(study, task)]
            for entry in study.of(task)
        ],
        "pairs": [
            [_pair(row, labels) for row in study.pairs.get(task, []) if {row["a"], row["b"]} <= set(labels)]
            for task in tasks
        ],
        "series": chart_lines(study),
    }  # fmt: skip


def by_difficulty(study: Study, task: str) -> list[str]:
    """All problems of a task, from the lowest mean solve rate over configurations to the highest."""
    rates: dict[str, list[float]] = {}
    for entry in study.of(task):
        for problem, rate in solve_rates(entry).items():
            rates.setdefault(problem, []).append(rate)
    return sorted(rates, key=lambda problem: float(np.mean(rates[problem])))


def solve_rates(entry: Entry) -> dict[str, float]:
    """The share of right answers per problem; problems without a score are left out."""
    counts = entry.counts
    if counts is None:
        return {}
    is_scored = counts.asked > 0
    rates = counts.right[is_scored] / counts.asked[is_scored]
    return dict(zip(np.array(counts.problems)[is_scored].tolist(), rates.tolist(), strict=True))


def _entry(entry: Entry, task: int, label: int, order: list[str], leads: bool) -> dict[str, Any]:
    row, counts = entry.row, entry.counts
    ks = sorted(int(key[5:]) for key in row if key.startswith("pass@"))
    low, high = ("wilson_low", "wilson_high") if row["wilson_low"] == row["wilson_low"] else ("ci_low", "ci_high")
    names = {"mean": "mean_accuracy", "sd": "std_accuracy", "lo": low, "hi": high, "tr": "truncated_rate",
             "na": "no_answer_rate", "tokens": "mean_output_tokens"}  # fmt: skip
    return {
        "t": task, "m": label, "n": row["n_problems"], "k": row["n_seeds"], "lead": leads,
        **{short: number(row.get(name)) for short, name in names.items()},
        "seeds": [[seed["seed"] if isinstance(seed["seed"], int) else None, number(seed["accuracy"])]
                  for seed in entry.seeds if seed.get("status", "finished") == "finished"],
        "ks": ks, "pass": [number(row[f"pass@{k}"]) for k in ks], "maj": [number(row.get(f"maj@{k}")) for k in ks],
        "right": _rounded(counts and counts.lengths_right), "wrong": _rounded(counts and counts.lengths_wrong),
        "cut": counts.cut if counts else None, "dis": number(counts.disagreement_rate) if counts else None,
        "rates": _solved(entry, order), "warn": [printable(line) for line in entry.warnings],
    }  # fmt: skip


def _solved(entry: Entry, order: list[str]) -> list[int | None]:
    """Solve rates rounded to percent, in the order of difficulty."""
    rates = solve_rates(entry)
    return [round(100 * rates[problem]) if problem in rates else None for problem in order]


def _pair(row: dict[str, Any], labels: list[str]) -> list[Any]:
    values = [row[name] if isinstance(row[name], str) else number(row[name]) for name in PAIR]
    return [labels.index(row["a"]), labels.index(row["b"]), *values, what_would_settle(row), row["n_problems"]]


def _rounded(values: list[float] | None) -> list[int] | None:
    return [round(value) for value in values] if values else None


@dataclass(frozen=True)
class DiscriminatingProblem:
    """A problem with its best and worst configuration, and the mean solve rate over all."""

    problem: str
    best: str
    best_rate: float
    worst: str
    worst_rate: float
    mean: float


def discriminating_problems(study: Study, task: str) -> list[DiscriminatingProblem]:
    """The problems whose solve rates vary most between configurations, at most MAX_PROBLEMS."""
    rates: dict[str, list[tuple[float, str]]] = {}
    for entry in study.of(task):
        for problem, rate in solve_rates(entry).items():
            rates.setdefault(problem, []).append((rate, entry.label))
    spread = {key: float(np.var([rate for rate, _ in found])) for key, found in rates.items() if len(found) > 1}
    chosen = sorted((key for key in spread if spread[key] > 0), key=lambda key: (-spread[key], key))[:MAX_PROBLEMS]
    return [_row(key, rates[key]) for key in chosen]


def _row(problem: str, found: list[tuple[float, str]]) -> DiscriminatingProblem:
    (high, best), (low, worst) = max(found, key=lambda one: one[0]), min(found, key=lambda one: one[0])
    return DiscriminatingProblem(problem, best, high, worst, low, float(np.mean([rate for rate, _ in found])))
