"""Writes the result files; undefined values are empty cells in CSV and null in JSON."""

import csv
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from evalsuite.files import replacing, write_text
from evalsuite.statistics.passes import ladder
from evalsuite.summary.configuration import CONFIG_COLUMNS, PER_K, SEED_COLUMNS
from evalsuite.summary.pairs import COLUMNS
from evalsuite.summary.series_tables import COLUMNS as SERIES_COLUMNS
from evalsuite.summary.series_tables import as_json, rows_of
from evalsuite.summary.summarise import ModelSummary, Summary

SCHEMA_VERSION = 1


def write_folder(folder: Path, summary: Summary) -> None:
    """Write every model's files, and the folder's comparison files."""
    for described in summary.models:
        write_model(described, described.model.folder / "analysis_results.json")
    write_csv(folder / "model_comparison.csv", COLUMNS, summary.rows)
    if summary.series:
        write_csv(folder / "series_analysis.csv", SERIES_COLUMNS, [r for line in summary.series for r in rows_of(line)])
    write_text(folder / "comparison_results.json", json_text(comparison(summary)))


def write_model(summary: ModelSummary, json_path: Path) -> None:
    """Write one model's analysis_results.json to `json_path` and the two CSV files beside it."""
    rows = [row for config in summary.configs for row in config.rows.values()]
    ks = {k for row in rows for k in ladder(row["n_seeds"])} or {1}
    write_text(json_path, json_text(analysis(summary), 6))
    write_csv(json_path.with_name("seed_analysis.csv"), SEED_COLUMNS, summary.seed_rows)
    write_csv(json_path.with_name("config_analysis.csv"), config_columns(ks), rows)


def config_columns(ks: Iterable[int]) -> list[str]:
    """The columns of config_analysis.csv for these k: pass@k becomes pass@1, pass@2, ...

    >>> [name for name in config_columns({1, 2}) if "@" in name]
    ['pass@1', 'pass@2', 'maj@1', 'maj@2']
    """
    names = []
    for column in CONFIG_COLUMNS:
        names += [column.replace("k", str(k)) for k in sorted(ks)] if column in PER_K else [column]
    return names


def analysis(summary: ModelSummary) -> dict[str, Any]:
    """The contents of analysis_results.json: both tables by task, configuration and metric, and what they lack."""
    seeds: dict = {}
    for row in summary.seed_rows:
        metrics = seeds.setdefault(row["task"], {}).setdefault(row["config_id"], {})
        metrics.setdefault(row["metric"], []).append(row)
    configurations: dict = {}
    for config in summary.configs:
        configurations.setdefault(config.task, {})[config.config_id] = {
            "label": config.label, "primary_metric": config.primary, "seeds": config.seeds,
            "provisional": config.provisional, "configuration": config.configuration,
            "circumstances": config.circumstances, "warnings": config.warnings, "metrics": config.rows,
        }  # fmt: skip
    return {
        "schema_version": SCHEMA_VERSION, "model": summary.model.name, "seed_analysis": seeds,
        "configuration_analysis": configurations, "left_out": _left_out("experiment", summary.model.bad),
        "first_pass": summary.model.notes,
    }  # fmt: skip


def comparison(summary: Summary) -> dict[str, Any]:
    """The contents of comparison_results.json: comparisons, averages over tasks, published numbers, warnings."""
    tasks = {
        task: {"primary_metric": summary.primary(task), "models": [config.label for config in summary.peers(task)]}
        for task in summary.tasks
    }
    not_compared = [
        {"task": pairs.task, "metric": pairs.metric, "a": a, "b": b, "reason": "no shared problem"}
        for pairs in summary.compared
        for a, b in pairs.disjoint
    ]
    warnings = [
        {"model": config.label, "task": config.task, "warning": line}
        for config in summary.configs
        for line in config.warnings
    ]
    warnings += [
        {"model": None, "task": task, "warning": line} for task in summary.tasks for line in summary.task_warnings(task)
    ]
    return {
        "schema_version": SCHEMA_VERSION, "alpha": summary.options.alpha, "baseline": summary.baseline, "tasks": tasks,
        "comparisons": summary.rows, "not_compared": not_compared, "overall": summary.macro,
        "overall_comparisons": summary.macro_pairs, "references": [vars(one) for one in summary.references],
        "warnings": warnings, "left_out": _left_out("place", summary.bad),
        "series": [as_json(line) for line in summary.series],
    }  # fmt: skip


def _left_out(key: str, bad: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{key: name, "reason": reason} for name, reason in bad]


def write_csv(path: Path, columns: Iterable[str], rows: Iterable[dict[str, Any]]) -> None:
    """Write a CSV file completely or not at all; a value that is missing, None or NaN is an empty cell."""
    columns = list(columns)
    with replacing(path) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(columns)
        table.writerows([csv_cell(row.get(name)) for name in columns] for row in rows)


def csv_cell(value: Any) -> str:
    """Format a value for CSV; twelve digits are more than any value is accurate to.

    >>> csv_cell(0.1 + 0.2), csv_cell(float("nan")), csv_cell(None), csv_cell(True), csv_cell(3)
    ('0.3', '', '', 'true', '3')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, (bool, np.bool_)):
        return str(value).lower()
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def json_text(value: Any, depth: int = 2, indent: str = "") -> str:
    """Format as JSON, with containers down to `depth` spread over several lines and deeper ones on one line.

    >>> print(json_text({"rows": [{"a": 1, "b": [2]}, {"a": float("nan")}]}), end="")
    {
     "rows": [
      {"a": 1, "b": [2]},
      {"a": null}
     ]
    }
    """
    inner, end = indent + " ", "" if indent else "\n"
    if depth == 0 or not value or not isinstance(value, (dict, list)):
        return json.dumps(json_value(value), ensure_ascii=False, allow_nan=False) + end
    if isinstance(value, dict):
        parts = [
            f"{json.dumps(str(k), ensure_ascii=False)}: {json_text(v, depth - 1, inner)}" for k, v in value.items()
        ]
    else:
        parts = [json_text(v, depth - 1, inner) for v in value]
    first, last = "{}" if isinstance(value, dict) else "[]"
    return f"{first}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{last}{end}"


def json_value(value: Any) -> Any:
    """Convert a value for JSON: numpy scalars to Python's, NaN and the infinities to null.

    >>> json_value({"a": np.float64("nan"), "b": [np.int64(2), (1.5,)]})
    {'a': None, 'b': [2, [1.5]]}
    """
    if isinstance(value, dict):
        return {str(key): json_value(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
