"""disagreements.csv per model: every completion that our grader and lighteval judge differently, to check by eye.

Written beside all_experiments_results.json after the first pass, from our own trees (others hold one metric only).
"""

import csv
import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalsuite import manifest
from evalsuite.files import read_json, replacing

NAME = "disagreements.csv"
METRICS = ("verified_match", "extractive_match")
END_CHARACTERS = 400
COLUMNS = (
    "task", "seed", "config_id", "problem", "gold", *METRICS, "verified_extracted", "verified_reason",
    "lighteval_extracted", "finish_reason", "response_end",
)  # fmt: skip


def write_all(output_dir: str | os.PathLike) -> list[Path]:
    """Bring every model's file below a folder up to date; returns the paths of those that hold a disagreement.

    Files that cannot be read are left out here: the first pass has named them.
    """
    written = []
    for path in sorted(
        glob.glob(os.path.join(glob.escape(os.fspath(output_dir)), "*", "all_experiments_results.json"))
    ):
        target = Path(path).with_name(NAME)
        if not target.exists() or target.stat().st_mtime_ns < Path(path).stat().st_mtime_ns:
            _write(Path(path), target)
        if target.stat().st_size > len(",".join(COLUMNS)) + 2:
            written.append(target)
    return written


def _write(results: Path, target: Path) -> None:
    with replacing(target) as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for name, experiment in read_json(results)["experiments"].items():
            problems = _differing(experiment)
            if problems:
                for row in _rows(results.parent / name, set(problems)):
                    writer.writerow([_cell(row.get(column)) for column in COLUMNS])


def _differing(experiment: dict[str, Any]) -> list[str]:
    """Problems whose two scores differ."""
    samples = experiment.get("samples") or {}
    scores = samples.get("scores") or {}
    ours, theirs = (scores.get(metric) or [] for metric in METRICS)
    return [
        problem for problem, a, b in zip(samples.get("problem") or [], ours, theirs, strict=False)
        if a is not None and b is not None and a != b
    ]  # fmt: skip


def _rows(folder: Path, problems: set[str]) -> Iterator[dict[str, Any]]:
    """The differing completions of one experiment, from its details."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = manifest.read(folder)
    if found is None:
        return
    columns = ["doc.specific", "metric", "model_response.text"]
    try:
        file = pq.ParquetFile(folder / found["details_file"])
        batches = file.iter_batches(batch_size=64, columns=columns)
        for row in (row for batch in batches for row in batch.to_pylist()):
            specific = row["doc"]["specific"]
            if specific["problem"] in problems:
                yield _row(found, specific, row["metric"], row["model_response"]["text"][0])
    except (OSError, pa.ArrowInvalid, KeyError):
        return


def _row(found: dict[str, Any], specific: dict[str, Any], metric: dict[str, float], text: str) -> dict[str, Any]:
    return {
        "task": found["task"],
        "seed": found["seed"],
        "config_id": found["config_id"],
        "problem": specific["problem"],
        "gold": specific["gold"],
        **{name: f"{metric[name]:g}" for name in METRICS},
        "verified_extracted": specific.get("extracted_answer"),
        "verified_reason": specific.get("verdict_reason"),
        "lighteval_extracted": " | ".join(map(str, specific.get("extracted_predictions") or [])),
        "finish_reason": specific.get("finish_reason"),
        "response_end": text[-END_CHARACTERS:],
    }


def _cell(value: Any) -> str:
    """A cell's text; what a spreadsheet would run as a formula is quoted with an apostrophe, plain numbers are not."""
    text = "" if value is None else str(value).replace("\0", "")
    if text[:1] in ("=", "+", "@", "\t", "\r") or (text[:1] == "-" and not text[1:2].isdigit()):
        return "'" + text
    return text
