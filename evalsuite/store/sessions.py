"""Under which circumstances an experiment's completions came: a line for every run that added some.

A run that is killed, and gone on with elsewhere, leaves completions of two kinds of GPU in one experiment: what differs
is in the manifest, and the tables flag it.
"""

import json
import os
from pathlib import Path
from typing import Any

from evalsuite.errors import RunError

NAME = "sessions.jsonl"


def note(folder: Path, circumstances: dict[str, Any], provenance: dict[str, Any]) -> None:
    """Add this run's line, before its first completion. Raises RunError where the disk refuses."""
    line = "\n" + json.dumps({"circumstances": circumstances, "provenance": provenance}) + "\n"  # behind a torn line
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / NAME).open("a", encoding="utf-8") as stream:
            stream.write(line)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise RunError(f"cannot write {folder / NAME}: {error.strerror}; make room for it, then run again") from error


def read(folder: Path) -> list[dict[str, Any]]:
    """The runs that added completions, oldest first; torn lines are left out."""
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
    """The circumstances that were not always the same, each with its values.

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
