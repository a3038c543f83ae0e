"""Surveys an output folder: the state of each experiment, and what can be deleted without any result needing it.

Only this suite's own experiments, two levels below the folder, are examined. Links are never followed, and nothing is
changed.
"""

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalsuite.collect.scan import REPLACED
from evalsuite.collect.source import ReadError, count_completions
from evalsuite.errors import UserError
from evalsuite.store import locks, manifest, stale
from evalsuite.store.journal import LIVE, PACKED, parse

FINISHED, INCOMPLETE, HALF_DONE, DAMAGED = "finished", "incomplete", "half-done", "damaged"
IN_USE, EMPTY, MOVED_ASIDE = "in use", "no answer yet", "moved aside"
DELETE, COMPRESS, REGENERABLE = "delete", "compress", "can be made again"

OVERWRITTEN = "superseded: moved aside by --overwrite"
REGRADED = "superseded: gradings from before --regrade"
UNNAMED = "orphaned: results that no manifest names"
TORN = "orphaned: files that were never finished"
LOCK = "orphaned: locks of dead processes"
JOURNAL = "journals of finished experiments"
CSV = "CSV files of details"

_OURS = re.compile(r"_seed\d+$")
_UNFINISHED = re.compile(r"\..+\.(json|csv|html|md|tex|index|zip|png|pdf|js|gz|zst|pb)\.[a-z0-9_]{8}", re.DOTALL)


@dataclass(frozen=True)
class Item:
    """A file or folder that can be deleted, or a journal that can be compressed; `size` in bytes, of `files` files."""

    action: str
    kind: str
    path: Path
    size: int
    files: int = 1


@dataclass
class Experiment:
    """An experiment's folder; `size` in bytes.

    `completions` counts those in the journal of a half-done experiment, and those not graded yet of a finished one.
    """

    path: Path
    state: str
    size: int
    completions: int | None = None
    items: list[Item] = field(default_factory=list)


@dataclass
class Survey:
    """An output folder; `loose` holds the items that belong to no experiment, `logs` the size of logs/ in bytes."""

    root: Path
    experiments: list[Experiment]
    loose: list[Item]
    logs: int
    duplicates: list[list[Path]] = field(default_factory=list)

    @property
    def items(self) -> list[Item]:
        return [*(item for one in self.experiments for item in one.items), *self.loose]


def survey(root: Path) -> Survey:
    """Survey an output folder. Raises UserError if it holds no experiment of this suite."""
    if not root.is_dir():
        raise UserError(f"{root}: not a folder; give the OUTPUT_DIR of a run")
    models = [path for path in _folders(root) if path.name != "logs"]
    experiments = [one for model in models for path in _folders(model) if (one := examine(path)) is not None]
    if not experiments:
        raise UserError(f"{root}: no experiment of this suite in it; give the OUTPUT_DIR of a run")
    loose = [item for folder in (root, *models) for item in _temporary_tables(folder)]
    return Survey(root, experiments, loose, size_of(root / "logs")[0], _duplicates(experiments))


def examine(folder: Path, is_locked_by_us: bool = False) -> Experiment | None:
    """Return a folder's state and what in it can be deleted; None if it is not an experiment of this suite."""
    size = size_of(folder)
    if REPLACED.search(folder.name):
        return Experiment(folder, MOVED_ASIDE, size[0], items=[Item(DELETE, OVERWRITTEN, folder, *size)])
    names = {entry.name for entry in os.scandir(folder)}
    if not names & {manifest.NAME, LIVE, PACKED} and not _OURS.search(folder.name):
        return None
    if not is_locked_by_us and locks.is_held(folder):
        return Experiment(folder, IN_USE, size[0])
    value = manifest.read(folder)
    if value is not None and _is_whole(folder, value):
        return _finished(folder, value, size[0])
    if manifest.NAME in names:
        return Experiment(folder, DAMAGED, size[0], _completions(folder))
    if names & {LIVE, PACKED}:
        items = [*_temporary(folder), *_dead_locks(folder)]
        return Experiment(folder, HALF_DONE, size[0], _completions(folder), items)
    if not {name for name in names if not name.startswith(locks.NAME)}:
        return Experiment(folder, EMPTY, size[0], 0)
    return Experiment(folder, DAMAGED, size[0])


def _is_whole(folder: Path, value: dict[str, Any]) -> bool:
    """Whether a manifest is valid and the files that it names exist."""
    named = [value.get(key) for key in stale.NAMED]
    is_valid = value.get("status") in (FINISHED, INCOMPLETE) and isinstance(value.get("problems"), list)
    return is_valid and all(isinstance(name, str) and (folder / name).is_file() for name in named)


def _finished(folder: Path, value: dict[str, Any], size: int) -> Experiment:
    gradings = stale.gradings(value)
    items = [_file(UNNAMED, path) for path in stale.unnamed(folder, gradings)]
    orphans = {item.path for item in items}
    superseded = [path for path in stale.unnamed(folder, gradings[:1]) if path not in orphans]
    items += [_file(REGRADED, path) for path in superseded]
    items += [*_temporary(folder), *_dead_locks(folder)]
    deleted = {item.path for item in items}
    csvs = [path for path in folder.glob("details/**/details_*.csv") if path not in deleted]
    items += [_file(CSV, path, REGENERABLE) for path in csvs if path.with_suffix(".parquet").is_file()]
    ungraded = _count_ungraded(folder / LIVE, set(value["problems"]))
    if ungraded == 0 and (folder / LIVE).is_file() and value.get("journal_file") == PACKED:
        items.append(_file(JOURNAL, folder / LIVE, COMPRESS))
    return Experiment(folder, value["status"], size, ungraded or None, items)


def _count_ungraded(live: Path, graded: set[str]) -> int:
    """The problems answered in a live journal that are not in the manifest: the experiment is being extended."""
    try:
        with live.open("rb") as stream:
            return len({one.problem for line in stream if (one := parse(line)) is not None} - graded)
    except OSError:
        return 0


def _completions(folder: Path) -> int | None:
    try:
        return count_completions(str(folder))
    except ReadError:
        return None


def _temporary(folder: Path) -> Iterator[Item]:
    return (_file(TORN, path) for path in stale.temporary(folder))


def _dead_locks(folder: Path) -> Iterator[Item]:
    """The lock file itself and the leftovers of attempts to take it over; recent ones may belong to a live process."""
    for path in folder.glob(f"{locks.NAME}*"):
        if path.name == locks.NAME or _age(path) > locks.DOUBT_SECONDS:
            yield _file(LOCK, path)


def _temporary_tables(folder: Path) -> Iterator[Item]:
    """Temporary files of tables and reports, directly in a folder."""
    for path in folder.iterdir():
        if _UNFINISHED.fullmatch(path.name) and path.is_file() and _age(path) > locks.DOUBT_SECONDS:
            yield _file(TORN, path)


def _age(path: Path) -> float:
    """Seconds since a file was written; 0 if it does not exist any more."""
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return 0.0


def _duplicates(experiments: list[Experiment]) -> list[list[Path]]:
    """Groups of folders of one model that hold the same experiment."""
    groups: dict[tuple[Path, str], list[Path]] = {}
    for one in experiments:
        if one.state in (FINISHED, INCOMPLETE):
            fingerprint = str((manifest.read(one.path) or {}).get("fingerprint"))
            groups.setdefault((one.path.parent, fingerprint), []).append(one.path)
    return [paths for paths in groups.values() if len(paths) > 1]


def _file(kind: str, path: Path, action: str = DELETE) -> Item:
    return Item(action, kind, path, path.lstat().st_size)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())


def size_of(folder: Path) -> tuple[int, int]:
    """The total size in bytes and the number of all files below a folder; a link counts with its own size."""
    sizes = [os.lstat(os.path.join(inner, name)).st_size for inner, _, names in os.walk(folder) for name in names]
    return sum(sizes), len(sizes)
