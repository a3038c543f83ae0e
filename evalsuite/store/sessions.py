"""sessions.jsonl: the circumstances of every run that added completions to an experiment, one line per run.

If a run is killed and continued elsewhere, an experiment may hold completions from two kinds of GPU. The manifest lists
what differs, and the tables flag it.
"""

import json
import os
from pathlib import Path
from typing import Any

from evalsuite.errors import RunError

NAME = "sessions.jsonl"


def record(folder: Path, circumstances: dict[str, Any], provenance: dict[str, Any]) -> None:
    """Append a run's line; call it before the run's first completion. Raises RunError if the file cannot be written."""
    # The leading line break separates the new line from one that a kill may have left incomplete.
    line = "\n" + json.dumps({"circumstances": circumstances, "provenance": provenance}) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / NAME).open("a", encoding="utf-8") as stream:
            stream.write(line)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise RunError(
            f"cannot write {folder / NAME}: {error.strerror}; free some disk space, then run again"
        ) from error


def read(folder: Path) -> list[dict[str, Any]]:
    """The runs that added completions, oldest first; incomplete lines are skipped."""
    try:
        lines = (folder / NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = [_parsed(line) for line in lines if line]
    return [one for one in found if one]


def _parsed(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    whole = isinstance(value, dict) and all(isinstance(value.get(key), dict) for key in ("circumstances", "provenance"))
    return value if whole else {}


def differing(sessions: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """The circumstances that were not the same in all runs, each with its values.

    >>> differing([{"circumstances": {"gpu": "A"}}, {"circumstances": {"gpu": "B"}}])
    {'gpu': ['A', 'B']}
    """
    values: dict[str, list[Any]] = {}
    for name in dict.fromkeys(name for one in sessions for name in one["circumstances"]):
        for one in sessions:
            value = one["circumstances"].get(name)
            if value not in values.setdefault(name, []):
                values[name].append(value)
    return {name: found for name, found in values.items() if len(found) > 1}
