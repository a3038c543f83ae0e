"""What a reader must know before trusting one configuration's number, one line each."""

from typing import Any

from evalsuite.summary.grid import Grid
from evalsuite.summary.labels import CONDITIONS, mixed, some

LIMIT = 0.05  # of completions truncated, or without an answer, from which a number says something else than skill
FEW_PROBLEMS, SEEDS_FOR_FEW, SEEDS = 100, 10, 3  # below 100 problems (AIME, AMC) ten seeds, else three


def cautions(grid: Grid, row: dict[str, Any]) -> list[str]:
    """Warnings of one configuration, from its runs and the row of its primary metric."""
    return [
        *_few_seeds(row),
        *rates(row),
        *_unfinished(grid),
        *_missing_seeds(grid),
        *_problem_sets(grid),
        *_mixed(grid),
    ]


def rates(row: dict[str, Any], cut: str = "truncated", silent: str = "without an answer") -> list[str]:
    """Truncation and no answer above 5 %, in the given words.

    >>> rates({"truncated_rate": 0.12, "no_answer_rate": float("nan")})
    ['12 % truncated']
    """
    named = (("truncated_rate", cut), ("no_answer_rate", silent))
    return [f"{100 * row[key]:.0f} % {words}" for key, words in named if row[key] > LIMIT]


def _few_seeds(row: dict[str, Any]) -> list[str]:
    enough = SEEDS_FOR_FEW if row["n_problems"] < FEW_PROBLEMS else SEEDS
    if not 0 < row["n_seeds"] < enough:
        return []
    seeds = "1 seed" if row["n_seeds"] == 1 else f"{row['n_seeds']} seeds"
    return [f"{seeds}, few for {row['n_problems']} problems ({enough} are usual)"]


def _unfinished(grid: Grid) -> list[str]:
    lines = [f"{run.name}: {run.status}, left out of the means" for run in grid.partial]
    waiting = any(run.provisional for run in grid.runs)
    return [*lines, *(["provisional: more seeds are under way"] if waiting else [])]


def _missing_seeds(grid: Grid) -> list[str]:
    seeds = sorted({run.seed for run in grid.runs if isinstance(run.seed, int)})
    span = range(seeds[0], seeds[-1] + 1) if seeds else range(0)
    gaps = sorted(set(span) - set(seeds)) if len(span) < 2 * len(seeds) else []  # 7, 42, 1234 was never a range
    return [f"seeds missing: {some(gaps)}"] if gaps else []


def _problem_sets(grid: Grid) -> list[str]:
    sizes = [len(run.problems) for run in grid.runs]
    if all(size == len(grid.problems) for size in sizes):
        return []
    return [f"its seeds asked different problems: {min(sizes)} to {max(sizes)} of {len(grid.problems)}"]


def _mixed(grid: Grid) -> list[str]:
    return [f"its seeds ran under mixed circumstances: {words}" for words in mixed(grid.circumstances())]


def between(configurations: list[dict[str, Any]], problems: list[set[str]]) -> list[str]:
    """Warnings of a whole task: its configurations ran under different conditions, or on different problems.

    >>> between([{"temperature": 0.6}, {"temperature": 1}], [{"p", "q"}, {"q", "r"}])
    ['conditions differ: temperature is 0.6, 1', 'problem sets differ: 1 of 3 problems are in all of them']
    """
    lines = [f"conditions differ: {words}" for words in mixed(configurations, CONDITIONS)]
    every, all_of_them = set.union(*problems), set.intersection(*problems)
    if every != all_of_them:
        lines.append(f"problem sets differ: {len(all_of_them)} of {len(every)} problems are in all of them")
    return lines
