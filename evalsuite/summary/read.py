"""Reads one model's all_experiments_results.json into arrays, one run (task x configuration x seed) at a time."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalsuite.files import read_json

NAME = "all_experiments_results.json"
PRIMARY = "verified_match"
SCHEMA_VERSION = 1
FINISHED = "finished"


@dataclass(frozen=True)
class Run:
    """One experiment. Arrays have the shape (problems,), in the order of `problems`; NaN where unknown.

    `asked` and `total` are the numbers of problems asked and of the whole task, None if unknown. `scores`, `answers`
    and `no_answer` are by metric, the primary one first.
    """

    name: str
    task: str
    seed: int | None
    config_id: str
    configuration: dict[str, Any]
    circumstances: dict[str, Any]
    status: str
    provisional: bool
    asked: int | None
    problems: list[str]
    scores: dict[str, NDArray[np.float64]]
    answers: dict[str, list]
    tokens: NDArray[np.float64]
    truncated: NDArray[np.float64]
    no_answer: dict[str, NDArray[np.float64]]
    series: str | None = None  # name and step of a checkpoint of a training run
    step: int | None = None
    total: int | None = None

    @property
    def is_finished(self) -> bool:
        """Whether all its problems were answered; the mean of an unfinished run is biased to short, right answers."""
        return self.status == FINISHED


@dataclass(frozen=True)
class Model:
    """All runs of one model; `bad` holds (experiment, reason) of those left out, `notes` the first pass's findings."""

    name: str
    folder: Path
    runs: list[Run]
    bad: list[tuple[str, str]] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)


class BadFile(Exception):
    """A results file cannot be used; the message is the reason."""


def read_model(path: Path) -> Model:
    """Read one results file. Raises BadFile if none of it can be used; bad experiments are listed in `bad`."""
    try:
        value = read_json(path)
    except (OSError, ValueError, RecursionError) as error:
        raise BadFile(_reason(error)) from error
    if not isinstance(value, dict) or not isinstance(value.get("experiments"), dict) or not _name(value.get("model")):
        raise BadFile("not a results file of analyze_results.py: model or experiments is missing")
    if value.get("schema_version", SCHEMA_VERSION) != SCHEMA_VERSION:
        raise BadFile(f"written by another version: schema_version is {value['schema_version']}, not {SCHEMA_VERSION}")
    runs, bad = [], []
    for name, experiment in value["experiments"].items():
        try:
            runs.append(_run(name, experiment))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            bad.append((name, _reason(error)))
    runs, repeated = _without_duplicates(runs)
    notes = {key: found for key, found in value.items() if key not in ("experiments", "model", "schema_version")}
    return Model(value["model"], path.parent, runs, bad + repeated, notes)


def _run(name: str, experiment: dict[str, Any]) -> Run:
    samples, results = experiment["samples"], experiment.get("results") or {}
    count = len(samples["problem"])
    status = experiment.get("status") or FINISHED
    scores = {metric: _numbers(values, count) for metric, values in samples["scores"].items()}
    if not scores or not count:
        raise ValueError("no samples with scores")
    metrics = _ordered(list(scores), results.get("primary_metric"))
    answers = {metric: _answers(samples, metric, count) for metric in metrics}
    return Run(
        name=name,
        task=experiment["task"],
        seed=experiment.get("seed"),
        config_id=str(experiment.get("config_id") or ""),
        configuration=experiment.get("configuration") or {},
        circumstances=experiment.get("circumstances") or {},
        status=status,
        provisional=bool(experiment.get("provisional")) or status != FINISHED,
        asked=_count(experiment.get("problems_asked")),
        total=_count(experiment.get("problems_total")),
        problems=_keys(samples["problem"], samples.get("id"), f"{experiment['task']} {experiment.get('config_id')}"),
        scores={metric: scores[metric] for metric in metrics},
        answers={metric: found for metric, found in answers.items() if found is not None},
        tokens=_numbers(samples.get("output_tokens"), count),
        truncated=_truncated(samples, count),
        no_answer=_no_answer(samples, metrics, answers, count),
        **_checkpoint(experiment),
    )


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _checkpoint(experiment: dict[str, Any]) -> dict[str, Any]:
    series, step = experiment.get("series"), experiment.get("step")
    known = _name(series) and isinstance(step, int) and not isinstance(step, bool)
    return {"series": series, "step": step} if known else {}


def _without_duplicates(runs: list[Run]) -> tuple[list[Run], list[tuple[str, str]]]:
    """Keep one run of each task, configuration and seed; also returns (name, reason) of the others."""
    kept: dict[tuple, Run] = {}
    repeated = []
    for run in runs:
        first = kept.setdefault((run.task, run.config_id, run.seed), run)
        if first is not run:
            repeated.append((run.name, f"same task, configuration and seed as {first.name}"))
    return list(kept.values()), repeated


def _ordered(metrics: list[str], primary: str | None) -> list[str]:
    first = PRIMARY if PRIMARY in metrics else primary if primary in metrics else metrics[0]
    return [first, *(metric for metric in metrics if metric != first)]


def _numbers(values: list | None, count: int) -> NDArray[np.float64]:
    """Convert to floats, null to NaN; all NaN if the column is missing. Raises ValueError for another length."""
    if values is None:
        return np.full(count, np.nan)
    array = np.array(values, dtype=np.float64)  # None becomes NaN
    if array.shape != (count,):
        raise ValueError(f"a column has the shape {array.shape}, but there are {count} problems")
    return array


def _keys(problems: list, ids: list | None, where: str) -> list[str]:
    """Return keys by which problems are matched: their hashes, with a number appended to repeated ones.

    Without a hash the key is the id within this task and configuration, so it never matches that of another
    configuration.
    """
    seen: dict[str, int] = {}
    keys = []
    for at, problem in enumerate(problems):
        key = str(problem) if problem is not None else f"{where} id {ids[at] if ids else at}"
        seen[key] = seen.get(key, 0) + 1
        keys.append(key if seen[key] == 1 else f"{key}#{seen[key]}")
    return keys


def _answers(samples: dict[str, Any], metric: str, count: int) -> list | None:
    """The answer of each completion as a string: its answer class, else the extracted text; None if not recorded."""
    for column in ("answer_class", "extracted"):
        values = (samples.get(column) or {}).get(metric)
        if values is not None and len(values) == count:
            return [_plain(value) for value in values]
    return None


def _plain(value: Any) -> str | None:
    if isinstance(value, list):
        value = "\n".join(map(str, value))
    return None if value is None or value == "" else str(value)


def _truncated(samples: dict[str, Any], count: int) -> NDArray[np.float64]:
    if samples.get("truncated") is not None:
        return _numbers(samples["truncated"], count)
    reasons = samples.get("finish_reason") or [None] * count
    return _numbers([None if reason is None else reason == "length" for reason in reasons], count)


def _no_answer(samples: dict, metrics: list[str], answers: dict, count: int) -> dict[str, NDArray[np.float64]]:
    """1 where a completion has no answer: by its grading status for the primary metric, by its answer for others."""
    found = {m: _numbers([answer is None for answer in answers[m]], count) for m in metrics if answers[m] is not None}
    status = samples.get("grading_status")
    if status is not None and any(value is not None for value in status):
        found[metrics[0]] = _numbers([None if value is None else value == "no_answer" for value in status], count)
    return found


def _name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"the key {error.args[0]!r} is missing"
    return getattr(error, "strerror", None) or str(error).split("\n")[0] or type(error).__name__
