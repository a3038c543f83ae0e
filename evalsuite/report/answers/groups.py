"""Reads the answers of one configuration on one task, ordered by problem, with the values that the filters need."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalsuite.collect import path_parsing
from evalsuite.collect.columns import DetailsFile, parse_literal, strings
from evalsuite.collect.details import field_paths
from evalsuite.collect.disagreements import METRICS
from evalsuite.collect.validation import Unreadable, inside, load_json
from evalsuite.summary.read import Run

VERSION = 1  # of the files written; files of another version are replaced
FIELDS = ("query", "text", "verdict_reason")
SEPARATOR = "\n\n----\n\n"  # between several completions in a row


@dataclass(frozen=True)
class Group:
    """One configuration on one task.

    `runs` pairs each Run of the summary with its experiment in all_experiments_results.json.
    """

    task: str
    config_id: str
    label: str
    runs: list[tuple[Run, dict[str, Any]]]
    experiments: list[dict[str, Any]]

    @property
    def metrics(self) -> list[str]:
        """The metrics to show, the primary one first: at most two."""
        names = list(dict.fromkeys(name for run, _ in self.runs for name in run.scores))
        return [*names[:1], *(name for name in names[1:] if name in METRICS)][:2]

    def files(self) -> tuple[list[Path | None], list[str]]:
        """The details file of each run (None if there is none), and the reasons for missing ones."""
        found: list[Path | None] = []
        wrong = []
        for experiment in self.experiments:
            try:
                path = find_details(experiment)
                stamp(path)
                found.append(path)
            except (Unreadable, OSError) as error:
                found.append(None)
                why = getattr(error, "strerror", None) or str(error)
                wrong.append(f"{experiment['name']}: answers are missing: {why}")
        return found, wrong

    def stamp(self, files: list[Path | None]) -> str:
        """A text that changes whenever anything that is written for the group changes."""
        known = [
            [run.name, len(run.problems), [list(values) for values in run.scores.values()]] for run, _ in self.runs
        ]
        return json.dumps([VERSION, self.label, self.metrics, known, [path and stamp(path) for path in files]])


@dataclass(frozen=True)
class Answer:
    """One response. Unknown values are None; `scores` and `extracted` are in the order of the group's metrics."""

    problem: str
    seed: int | None
    scores: list[float | None]
    extracted: list[str | None]
    tokens: int | None
    finish: str | None
    truncated: bool | None
    silent: bool
    status: str | None
    reason: str
    text: str


@dataclass(frozen=True)
class Problem:
    """A problem with its prompt. `number` is its id in lighteval's details."""

    key: str
    number: str
    prompt: str
    gold: str


def read(group: Group, files: list[Path | None]) -> tuple[list[Answer], dict[str, Problem], list[str]]:
    """Read all answers, sorted by problem and seed, and the problems; also returns errors."""
    answers: list[Answer] = []
    problems: dict[str, Problem] = {}
    wrong = []
    for (run, raw), path in zip(group.runs, files, strict=True):
        if path is None:
            continue
        try:
            rows = list(texts(path))
            if len(rows) != len(run.problems):
                raise Unreadable(f"{len(rows)} rows instead of {len(run.problems)}; run analyze_results.py again")
        except Unreadable as error:
            wrong.append(f"{run.name}: answers are missing: {error}")
            continue
        samples = raw["samples"]
        for at, row in enumerate(rows):
            answers.append(_answer(group, run, samples, at, row))
            problems.setdefault(run.problems[at], _problem(run, samples, at, row))
    order = {key: at for at, key in enumerate(problems)}
    answers.sort(key=lambda one: (order[one.problem], one.seed is None, one.seed or 0))
    return answers, problems, wrong


def _answer(group: Group, run: Run, samples: dict[str, Any], at: int, row: dict[str, str]) -> Answer:
    metrics = group.metrics
    found = [(samples.get("extracted") or {}).get(metric) for metric in metrics]
    silent = run.no_answer.get(metrics[0])
    tokens = run.tokens[at]
    return Answer(
        problem=run.problems[at],
        seed=run.seed,
        scores=[_known(run.scores[metric][at]) if metric in run.scores else None for metric in metrics],
        extracted=[_words(values[at]) if values else None for values in found],
        tokens=None if tokens != tokens else int(tokens),
        finish=_at(samples.get("finish_reason"), at),
        truncated=None if run.truncated[at] != run.truncated[at] else bool(run.truncated[at]),
        silent=bool(silent is not None and silent[at] == 1),
        status=_at(samples.get("grading_status"), at),
        reason=row["verdict_reason"],
        text=row["text"],
    )


def _problem(run: Run, samples: dict[str, Any], at: int, row: dict[str, str]) -> Problem:
    return Problem(run.problems[at], _at(samples.get("id"), at) or "", row["query"], _at(samples.get("gold"), at) or "")


def _at(values: list | None, at: int) -> str | None:
    return None if not values or values[at] is None else _words(values[at])


def _words(value: Any) -> str | None:
    if isinstance(value, (list, tuple)):
        return " | ".join(map(str, value))
    return None if value is None else str(value)


def _known(value: float) -> float | None:
    return None if value != value else float(value)


def find_details(experiment: dict[str, Any]) -> Path:
    """Find the details file of an experiment; raises Unreadable unless there is exactly one."""
    folder = Path(experiment["path"])
    if experiment["source"] == "evalsuite":
        manifest = load_json(str(folder / "experiment.json"))
        return Path(inside(str(folder), manifest.get("details_file")))
    found = [path for path in folder.glob("details/**/*.parquet") if _is_of(path.name, experiment)]
    if len(found) != 1:
        raise Unreadable(f"expected one details file for {experiment['task']}, found {len(found)}")
    return found[0]


def _is_of(name: str, experiment: dict[str, Any]) -> bool:
    wanted = path_parsing.split_key(experiment["task"])
    return str(experiment["date"]) in name and path_parsing.split_key(path_parsing.task_key_in(name)) == wanted


def stamp(path: Path) -> list[Any]:
    """Name, size and modification time of a details file, by which changes are recognised."""
    found = os.stat(path)
    return [path.name, found.st_size, found.st_mtime_ns]


def texts(path: Path) -> Iterator[dict[str, str]]:
    """Yield `query`, `text` and `verdict_reason` of each row, empty if it has none. Raises Unreadable."""
    details = DetailsFile(str(path))
    try:
        paths = field_paths(details)
        present = {name: paths[name] for name in FIELDS if details.has(paths[name])}
        for batch in details.batches(sorted(set(present.values()))) if present else ():
            columns = {name: batch.values(present[name]) for name in present}
            for at in range(batch.rows):
                yield {name: _text(columns[name][at]) if name in columns else "" for name in FIELDS}
    finally:
        details.close()


def _text(value: Any) -> str:
    """All strings in a value; a list that some releases of lighteval write as its Python repr is parsed.

    >>> _text(["a"]), _text("['a', 'b']"), _text(None)
    ('a', 'a\\n\\n----\\n\\nb', '')
    """
    if isinstance(value, str) and value[:2] in ("['", '["'):
        parsed = parse_literal(value)
        value = parsed if isinstance(parsed, list) else value
    return SEPARATOR.join(strings(value))
