"""What the page's charts are drawn from: one JSON value, numbers to five digits, problems by difficulty."""

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
NAME = 120  # characters of a name


def chart_data(study: Study, answered: set[str]) -> dict[str, Any]:
    """Everything that is drawn; `answered` are the tasks whose answers lie beside the page."""
    labels, tasks = study.labels, study.tasks
    orders = {task: by_difficulty(study, task) for task in tasks}
    return {
        "alpha": study.alpha,
        "baseline": study.baseline,
        "labels": [printable(label, NAME) for label in labels],
        "tasks": [
            {"name": printable(task, NAME), "metric": study.primary[task], "problems": orders[task],
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
    """All problems of a task, the hardest first, by their mean solve rate over configurations."""
    rates: dict[str, list[float]] = {}
    for entry in study.of(task):
        for problem, rate in solve_rates(entry).items():
            rates.setdefault(problem, []).append(rate)
    return sorted(rates, key=lambda problem: float(np.mean(rates[problem])))


def solve_rates(entry: Entry) -> dict[str, float]:
    """Share of right answers by problem; problems without an answer are left out."""
    level = entry.level
    if level is None:
        return {}
    there = level.asked > 0
    rates = level.right[there] / level.asked[there]
    return dict(zip(np.array(level.problems)[there].tolist(), rates.tolist(), strict=True))


def _entry(entry: Entry, task: int, label: int, order: list[str], leads: bool) -> dict[str, Any]:
    row, level = entry.row, entry.level
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
        "right": _rounded(level and level.lengths_right), "wrong": _rounded(level and level.lengths_wrong),
        "cut": level.cut if level else None, "dis": number(level.disagreement_rate) if level else None,
        "rates": _solved(entry, order), "warn": [printable(line) for line in entry.cautions],
    }  # fmt: skip


def _solved(entry: Entry, order: list[str]) -> list[int | None]:
    """Solve rates in whole percent, in the order of difficulty."""
    rates = solve_rates(entry)
    return [round(100 * rates[problem]) if problem in rates else None for problem in order]


def _pair(row: dict[str, Any], labels: list[str]) -> list[Any]:
    values = [row[name] if isinstance(row[name], str) else number(row[name]) for name in PAIR]
    return [labels.index(row["a"]), labels.index(row["b"]), *values, what_would_settle(row), row["n_problems"]]


def _rounded(values: list[float] | None) -> list[int] | None:
    return [round(value) for value in values] if values else None


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
