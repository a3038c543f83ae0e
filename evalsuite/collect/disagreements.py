"""Writes disagreements.csv for each model: every completion on which our grader and lighteval's disagree.

It is written beside all_experiments_results.json, from that file. Only this suite's own output trees hold both metrics.
"""

import csv
import os
from collections.abc import Iterator
from typing import Any

from evalsuite.collect.outcome import ModelReport, one_line
from evalsuite.errors import RunError
from evalsuite.files import read_json, replacing

NAME = "disagreements.csv"
METRICS = ("verified_match", "extractive_match")
COLUMNS = (
    "task", "seed", "config_id", "problem", "gold", *METRICS, "verified_extracted", "verified_reason",
    "lighteval_extracted", "finish_reason", "response_end",
)  # fmt: skip


def update_all(reports: list[ModelReport]) -> tuple[list[str], bool]:
    """Bring every model's file up to date; returns lines to print, and whether any file could not be written."""
    lines, failed = [], False
    for report in (report for report in reports if not report.error):
        try:
            path = update(report)
        except RunError as error:
            lines, failed = [*lines, f"error: {one_line(str(error))}"], True
            continue
        if count := report.disagreements:
            lines.append(f"{one_line(path)}: graders disagree on {count} completion{'' if count == 1 else 's'}")
    return lines, failed


def update(report: ModelReport) -> str:
    """Bring the file of one model up to date and return its path. Raises RunError if it cannot be written."""
    target = os.path.join(os.path.dirname(report.path), NAME)
    if not report.written and os.path.isfile(target):
        return target
    experiments = read_json(report.path)["experiments"].values() if report.disagreements else ()
    with replacing(target, sync=False) as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for row in (row for experiment in experiments for row in _rows(experiment)):
            writer.writerow([_cell(row.get(column)) for column in COLUMNS])
    return target


def _rows(experiment: dict[str, Any]) -> Iterator[dict[str, Any]]:
    samples = experiment["samples"]
    for found in experiment["disagreements"]:
        at = found["row"]
        yield {
            **{key: experiment[key] for key in ("task", "seed", "config_id")},
            **{key: samples[key][at] for key in ("problem", "gold", "finish_reason")},
            **{metric: f"{samples['scores'][metric][at]:g}" for metric in METRICS},
            "verified_extracted": samples["extracted"].get(METRICS[0], {at: None})[at],
            "verified_reason": found["verdict_reason"],
            "lighteval_extracted": found["lighteval_extracted"],
            "response_end": found["response_end"],
        }


def _cell(value: Any) -> str:
    """Format a cell; text that a spreadsheet would run as a formula gets an apostrophe, plain numbers do not."""
    text = "" if value is None else str(value).replace("\0", "")
    if text[:1] in ("=", "+", "@", "\t", "\r") or (text[:1] == "-" and not text[1:2].isdigit()):
        return "'" + text
    return text
