"""The texts of an experiment's details file: prompts, responses and the verdicts' reasons, row by row."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalsuite.trees import hints
from evalsuite.trees.columns import Details, literal, strings
from evalsuite.trees.details import layout
from evalsuite.trees.safe import Unreadable, inside, load_json

FIELDS = ("query", "text", "verdict_reason")
BETWEEN = "\n\n----\n\n"  # where a row holds several completions


def find(experiment: dict[str, Any]) -> Path:
    """The details file of an experiment; raises Unreadable where it is not there, or not a single one."""
    folder = Path(experiment["path"])
    if experiment["source"] == "evalsuite":
        manifest = load_json(str(folder / "experiment.json"))
        return Path(inside(str(folder), manifest.get("details_file")))
    found = [path for path in folder.glob("details/**/*.parquet") if _is_of(path.name, experiment)]
    if len(found) != 1:
        raise Unreadable(f"{len(found)} details files of {experiment['task']} and {experiment['date']}")
    return found[0]


def _is_of(name: str, experiment: dict[str, Any]) -> bool:
    wanted = hints.split_key(experiment["task"])
    return str(experiment["date"]) in name and hints.split_key(hints.task_key_in(name)) == wanted


def stamp(path: Path) -> list[Any]:
    """What tells whether a details file has changed: its place, size and time of change."""
    found = os.stat(path)
    return [path.name, found.st_size, found.st_mtime_ns]


def texts(path: Path) -> Iterator[dict[str, str]]:
    """`query`, `text` and `verdict_reason` of each row, empty where it has none. Raises Unreadable."""
    details = Details(str(path))
    try:
        paths = layout(details)
        there = {name: paths[name] for name in FIELDS if details.has(paths[name])}
        for batch in details.batches(sorted(set(there.values()))) if there else ():
            columns = {name: batch.values(there[name]) for name in there}
            for at in range(batch.rows):
                yield {name: _text(columns[name][at]) if name in columns else "" for name in FIELDS}
    finally:
        details.close()


def _text(value: Any) -> str:
    """All strings in a value; a list that some releases write as its Python text is read as one.

    >>> _text(["a"]), _text("['a', 'b']"), _text(None)
    ('a', 'a\\n\\n----\\n\\nb', '')
    """
    if isinstance(value, str) and value[:2] in ("['", '["'):
        parsed = literal(value)
        value = parsed if isinstance(parsed, list) else value
    return BETWEEN.join(strings(value))
