"""Reads what both passes wrote into one Study, without computing any statistics again.

The rows come from analysis_results.json, the comparisons from comparison_results.json, and the counts per problem from
all_experiments_results.json. `Study.missing` lists what could not be read, and the page shows it.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalsuite.errors import UserError
from evalsuite.files import read_json
from evalsuite.report.problems import ProblemCounts, problem_counts
from evalsuite.summary.labels import natural_order
from evalsuite.summary.read import NAME, BadFile, read_model

ANALYSIS, COMPARISON = "analysis_results.json", "comparison_results.json"
NAN = float("nan")


@dataclass(frozen=True)
class Entry:
    """One configuration of a model on a task.

    `row` is its row of config_analysis.csv, `seeds` are its rows of seed_analysis.csv; undefined numbers are NaN.
    `counts` is None if all_experiments_results.json could not be read.
    """

    label: str
    model: str
    task: str
    config_id: str
    folder: Path
    row: dict[str, Any]
    seeds: list[dict[str, Any]]
    configuration: dict[str, Any]
    circumstances: dict[str, Any]
    warnings: list[str]
    provisional: bool
    counts: ProblemCounts | None

    @property
    def mean(self) -> float:
        return self.row["mean_accuracy"]


@dataclass(frozen=True)
class Study:
    """The contents of an output folder.

    `experiments` holds name, model, path, task, seed, config_id and totals of all experiments; `primary` the metric
    shown for each task, and `pairs` its comparisons on that metric.
    """

    folder: Path
    entries: list[Entry]
    experiments: list[dict[str, Any]]
    primary: dict[str, str]
    pairs: dict[str, list[dict[str, Any]]]
    overall: list[dict[str, Any]] = field(default_factory=list)
    overall_pairs: list[dict[str, Any]] = field(default_factory=list)
    references: list[dict[str, Any]] = field(default_factory=list)
    series: list[dict[str, Any]] = field(default_factory=list)  # checkpoint series, as in comparison_results.json
    task_warnings: dict[str, list[str]] = field(default_factory=dict)
    baseline: str | None = None
    alpha: float = 0.05
    compared: bool = False
    missing: list[str] = field(default_factory=list)

    @property
    def tasks(self) -> list[str]:
        return sorted({entry.task for entry in self.entries}, key=natural_order)

    @property
    def labels(self) -> list[str]:
        """The labels of all configurations, sorted by name, because sorting by score would sort by noise."""
        return sorted({entry.label for entry in self.entries}, key=natural_order)

    def of(self, task: str) -> list[Entry]:
        """The configurations of a task, sorted by name."""
        return sorted((one for one in self.entries if one.task == task), key=lambda one: natural_order(one.label))


def load(folder: Path) -> Study:
    """Read an output folder. Raises UserError if there is nothing to show."""
    if not folder.is_dir():
        raise UserError(f"no folder {folder}: give the OUTPUT_DIR that main.py wrote to")
    comparison, missing = _comparison(folder)
    primary = _primaries(comparison)
    entries: list[Entry] = []
    experiments: list[dict[str, Any]] = []
    places = sorted({path.parent for name in (ANALYSIS, NAME) for path in folder.glob(f"*/{name}")})
    for place in sorted(places, key=lambda path: natural_order(path.name)):
        found, runs, wrong = _model(place, primary)
        entries, experiments, missing = entries + found, experiments + runs, missing + wrong
    if not places:
        raise UserError(f"no results in {folder}: run analyze_results.py and analyze_summary.py")
    if not entries:
        raise UserError("; ".join(missing) or f"no experiments in the results of {folder}")
    for entry in entries:
        primary.setdefault(entry.task, entry.row["metric"])
    try:
        compared = _compared(comparison, primary)
    except (KeyError, TypeError, AttributeError):
        missing.append(f"{COMPARISON} is not valid, so comparisons are missing; run analyze_summary.py again")
        compared = _compared({}, primary)
    return Study(folder, entries, experiments, primary, missing=missing, **compared)


def _primaries(comparison: dict[str, Any]) -> dict[str, str]:
    tasks = comparison.get("tasks")
    found = tasks.items() if isinstance(tasks, dict) else ()
    return {task: one["primary_metric"] for task, one in found if isinstance(one, dict) and "primary_metric" in one}


def _comparison(folder: Path) -> tuple[dict[str, Any], list[str]]:
    try:
        value = read_json(folder / COMPARISON)
        if not isinstance(value, dict) or not isinstance(value.get("comparisons"), list):
            raise ValueError("the key 'comparisons' is missing")
    except FileNotFoundError:
        return {}, [f"no {COMPARISON}, so comparisons are missing; run analyze_summary.py"]
    except (OSError, ValueError) as error:
        return {}, [f"{COMPARISON} cannot be read ({error}), so comparisons are missing; run analyze_summary.py again"]
    left = [f"{one.get('place')}: left out, {one.get('reason')}" for one in value.get("left_out") or []]
    return value, left


def _compared(comparison: dict[str, Any], primary: dict[str, str]) -> dict[str, Any]:
    pairs: dict[str, list[dict[str, Any]]] = {}
    for row in comparison.get("comparisons", []):
        if row["metric"] == primary.get(row["task"]):
            pairs.setdefault(row["task"], []).append(known(row))
    warnings: dict[str, list[str]] = {}
    for one in comparison.get("warnings", []):
        if one["model"] is None:
            warnings.setdefault(one["task"], []).append(one["warning"])
    named = {"overall": "overall", "overall_pairs": "overall_comparisons", "references": "references"}
    lists = {name: [known(row) for row in comparison.get(key, [])] for name, key in named.items()}
    lists["series"] = [line | {"steps": [known(row) for row in line["steps"]]} for line in comparison.get("series", [])]
    return {"pairs": pairs, "task_warnings": warnings, "baseline": comparison.get("baseline"),
            "alpha": comparison.get("alpha", 0.05), "compared": bool(comparison)} | lists  # fmt: skip


def _model(place: Path, primary: dict[str, str]) -> tuple[list[Entry], list[dict[str, Any]], list[str]]:
    """Read one model's entries and experiments; also returns what could not be read."""
    missing = []
    counts: dict[tuple[str, str], ProblemCounts] = {}
    experiments: list[dict[str, Any]] = []
    try:
        read = read_model(place / NAME)
        counts = problem_counts(read.runs, primary)
        named = read_json(place / NAME)["experiments"]
        experiments = [_experiment(read.name, place, name, named[name]) for name in (run.name for run in read.runs)]
    except BadFile as error:
        missing.append(f"{place.name}/{NAME}: {error}; results per problem are missing")
    try:
        value = read_json(place / ANALYSIS)
        entries = _entries(value, place, primary, counts)
    except FileNotFoundError:
        return [], experiments, [*missing, f"{place.name}: no {ANALYSIS}; run analyze_summary.py"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        wrong = f"{place.name}/{ANALYSIS} cannot be read ({type(error).__name__}: {error})"
        return [], experiments, [*missing, f"{wrong}; run analyze_summary.py again"]
    return entries, experiments, missing


def _entries(value: dict, place: Path, primary: dict[str, str], counts: dict) -> list[Entry]:
    found = []
    for task, configurations in value["configuration_analysis"].items():
        for config_id, one in configurations.items():
            metric = primary.get(task, one["primary_metric"])
            metric = metric if metric in one["metrics"] else one["primary_metric"]
            seeds = value["seed_analysis"].get(task, {}).get(config_id, {}).get(metric, [])
            found.append(
                Entry(
                    label=one["label"],
                    model=value["model"],
                    task=task,
                    config_id=config_id,
                    folder=place,
                    row=known(one["metrics"][metric]),
                    seeds=[known(seed) for seed in seeds],
                    configuration=one.get("configuration") or {},
                    circumstances=one.get("circumstances") or {},
                    warnings=one.get("warnings") or [],
                    provisional=bool(one.get("provisional")),
                    counts=counts.get((task, config_id)),
                )
            )
    return found


def _experiment(model: str, place: Path, name: str, one: dict[str, Any]) -> dict[str, Any]:
    results = one.get("results") or {}
    path = place / str(one.get("path") or name)
    kept = {key: one.get(key) for key in ("task", "seed", "config_id", "status", "source", "date", "circumstances")}
    return {"name": name, "model": model, "path": path, "place": place, **kept,
            "output_tokens": results.get("total_token_length"), "answers": results.get("num_samples"),
            "seconds": results.get("generation_seconds")}  # fmt: skip


def known(row: dict[str, Any]) -> dict[str, Any]:
    """Replace null by NaN in a row, as the functions of the summary expect.

    >>> known({"p_value": None, "a": "x"})
    {'p_value': nan, 'a': 'x'}
    """
    return {key: NAN if value is None else value for key, value in row.items()}


def number(value: Any) -> float | None:
    """Round a number to five significant digits; None if it is not a number.

    >>> number(0.123456789), number(float("nan")), number(None)
    (0.12346, None, None)
    """
    if not isinstance(value, (int, float)) or value != value:
        return None
    return float(f"{value:.5g}")
