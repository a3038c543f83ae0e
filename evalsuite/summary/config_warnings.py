"""Warnings about a configuration's numbers, and about a task's numbers as a whole, one line each."""

from typing import Any

from evalsuite.summary.config_runs import ConfigRuns
from evalsuite.summary.labels import CONDITIONS, abbreviated, varying

LIMIT = 0.05  # share of completions truncated or without an answer above which the score no longer measures skill alone
FEW_PROBLEMS = 100  # a task with fewer (AIME, AMC) needs more seeds
SEEDS_FOR_FEW, SEEDS = 10, 3


def config_warnings(group: ConfigRuns, row: dict[str, Any]) -> list[str]:
    """Return the warnings about one configuration, given the row of its primary metric."""
    return [
        *_few_seeds(row),
        *rate_warnings(row),
        *_partial_runs(group),
        *_missing_seeds(group),
        *_problem_sets(group),
        *_mixed_circumstances(group),
    ]


def rate_warnings(row: dict[str, Any]) -> list[str]:
    """Return the rates of truncated completions and of completions without an answer that exceed LIMIT.

    >>> rate_warnings({"truncated_rate": 0.12, "no_answer_rate": float("nan")})
    ['12% truncated']
    """
    labels = {"truncated_rate": "truncated", "no_answer_rate": "no answer"}
    return [f"{100 * row[key]:.0f}% {label}" for key, label in labels.items() if row[key] > LIMIT]


def _few_seeds(row: dict[str, Any]) -> list[str]:
    enough = SEEDS_FOR_FEW if row["n_problems"] < FEW_PROBLEMS else SEEDS
    if not 0 < row["n_seeds"] < enough:
        return []
    seeds = "1 seed" if row["n_seeds"] == 1 else f"{row['n_seeds']} seeds"
    return [f"{seeds}, few for {row['n_problems']} problems ({enough} are usual)"]


def _partial_runs(group: ConfigRuns) -> list[str]:
    lines = [f"{run.name}: {run.status}, left out of the means" for run in group.partial]
    waiting = any(run.provisional for run in group.runs)
    return [*lines, *(["provisional: more seeds are still running"] if waiting else [])]


def _missing_seeds(group: ConfigRuns) -> list[str]:
    seeds = sorted({run.seed for run in group.runs if isinstance(run.seed, int)})
    span = range(seeds[0], seeds[-1] + 1) if seeds else range(0)
    gaps = sorted(set(span) - set(seeds)) if len(span) < 2 * len(seeds) else []  # 7, 42, 1234 are no range with gaps
    return [f"seeds missing: {abbreviated(gaps)}"] if gaps else []


def _problem_sets(group: ConfigRuns) -> list[str]:
    sizes = [len(run.problems) for run in group.runs]
    if all(size == len(group.problems) for size in sizes):
        return []
    return [f"its seeds asked different problems: {min(sizes)} to {max(sizes)} of {len(group.problems)}"]


def _mixed_circumstances(group: ConfigRuns) -> list[str]:
    return [f"its seeds ran under mixed circumstances: {words}" for words in varying(group.circumstances())]


def task_warnings(configurations: list[dict[str, Any]], problems: list[set[str]]) -> list[str]:
    """Return the warnings about a whole task: its configurations differ in conditions or in problems.

    >>> task_warnings([{"temperature": 0.6}, {"temperature": 1}], [{"p", "q"}, {"q", "r"}])
    ['conditions differ: temperature is 0.6, 1', 'problem sets differ: only 1 of 3 problems was asked of all']
    """
    lines = [f"conditions differ: {words}" for words in varying(configurations, CONDITIONS)]
    union, shared = set.union(*problems), set.intersection(*problems)
    if union != shared:
        were = "was" if len(shared) == 1 else "were"
        lines.append(f"problem sets differ: only {len(shared)} of {len(union)} problems {were} asked of all")
    return lines
