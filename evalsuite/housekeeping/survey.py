"""Looking through an output folder: the state of each experiment, and what could go without a result missing it.

Only our own experiments, two levels down, are judged; links are never followed, and nothing is changed.
"""

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalsuite.collect.scan import REPLACED
from evalsuite.collect.source import Stopped, whole_completions
from evalsuite.errors import UserError
from evalsuite.store import locks, manifest, stale
from evalsuite.store.journal import LIVE, PACKED, parse

FINISHED, INCOMPLETE, HALF, DAMAGED, BUSY = "finished", "incomplete", "half-done", "damaged", "in use"
EMPTY, ASIDE = "no answer yet", "moved aside"
DELETE, COMPRESS, AGAIN = "delete", "compress", "can be made again"

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
    """Something that could go: a file, a folder or (compress) a journal; `size` in bytes, of `files` files."""

    action: str
    kind: str
    path: Path
    size: int
    files: int = 1


@dataclass
class Found:
    """An experiment's folder. `completions` is known of the half-done, also of a finished one that is growing."""

    path: Path
    state: str
    size: int
    completions: int | None = None
    items: list[Item] = field(default_factory=list)


@dataclass
class Survey:
    """All of an output folder; `loose` are items that belong to no experiment, `logs` the size of logs/ in bytes."""

    root: Path
    found: list[Found]
    loose: list[Item]
    logs: int
    duplicates: list[list[Path]] = field(default_factory=list)

    @property
    def items(self) -> list[Item]:
        return [*(item for one in self.found for item in one.items), *self.loose]


def survey(root: Path) -> Survey:
    """Look through an output folder. Raises UserError where there is nothing of ours."""
    if not root.is_dir():
        raise UserError(f"{root} is no folder; give the OUTPUT_DIR of a run")
    models = [path for path in _folders(root) if path.name != "logs"]
    found = [one for model in models for path in _folders(model) if (one := examine(path)) is not None]
    if not found:
        raise UserError(f"{root} holds no experiment of this suite; give the OUTPUT_DIR of a run")
    loose = [item for folder in (root, *models) for item in _unfinished_files(folder)]
    return Survey(root, found, loose, size_of(root / "logs")[0], _duplicates(found))


def examine(folder: Path, held: bool = False) -> Found | None:
    """One folder's state and what in it could go; None where it is no experiment of ours. `held`: its lock is ours."""
    size = size_of(folder)
    if REPLACED.search(folder.name):
        return Found(folder, ASIDE, size[0], items=[Item(DELETE, OVERWRITTEN, folder, *size)])
    names = {entry.name for entry in os.scandir(folder)}
    if not names & {manifest.NAME, LIVE, PACKED} and not _OURS.search(folder.name):
        return None
    if not held and locks.is_held(folder):
        return Found(folder, BUSY, size[0])
    value = manifest.read(folder)
    if value is not None and _is_whole(folder, value):
        return _finished(folder, value, size[0])
    if manifest.NAME in names:
        return Found(folder, DAMAGED, size[0], _completions(folder))
    if names & {LIVE, PACKED}:
        return Found(folder, HALF, size[0], _completions(folder), [*_temporary(folder), *_dead_locks(folder)])
    if not {name for name in names if not name.startswith(locks.NAME)}:
        return Found(folder, EMPTY, size[0], 0)
    return Found(folder, DAMAGED, size[0])


def _is_whole(folder: Path, value: dict[str, Any]) -> bool:
    """Whether a manifest is one of ours and the files that it names are there."""
    named = [value.get(key) for key in stale.NAMED]
    whole = value.get("status") in (FINISHED, INCOMPLETE) and isinstance(value.get("problems"), list)
    return whole and all(isinstance(name, str) and (folder / name).is_file() for name in named)


def _finished(folder: Path, value: dict[str, Any], size: int) -> Found:
    every = stale.gradings(value)
    items = [_file(UNNAMED, path) for path in stale.unnamed(folder, every)]
    orphans = {item.path for item in items}
    older = [path for path in stale.unnamed(folder, every[:1]) if path not in orphans]
    items += [_file(REGRADED, path) for path in older]
    items += [*_temporary(folder), *_dead_locks(folder)]
    gone = {item.path for item in items}
    csvs = [path for path in folder.glob("details/**/details_*.csv") if path not in gone]
    items += [_file(CSV, path, AGAIN) for path in csvs if path.with_suffix(".parquet").is_file()]
    more = _beyond(folder / LIVE, set(value["problems"]))
    if more == 0 and (folder / LIVE).is_file() and value.get("journal_file") == PACKED:
        items.append(_file(JOURNAL, folder / LIVE, COMPRESS))
    return Found(folder, value["status"], size, more or None, items)


def _beyond(live: Path, graded: set[str]) -> int:
    """Completions in a live journal that the manifest knows nothing of: the experiment is growing."""
    try:
        with live.open("rb") as stream:
            return len({one.problem for line in stream if (one := parse(line)) is not None} - graded)
    except OSError:
        return 0


def _completions(folder: Path) -> int | None:
    try:
        return whole_completions(str(folder))
    except Stopped:
        return None


def _temporary(folder: Path) -> Iterator[Item]:
    return (_file(TORN, path) for path in stale.temporary(folder))


def _dead_locks(folder: Path) -> Iterator[Item]:
    """The lock itself, which nobody living holds, and what its takers left; a new one may be somebody's at work."""
    for path in folder.glob(f"{locks.NAME}*"):
        if path.name == locks.NAME or _age(path) > locks.DOUBT_SECONDS:
            yield _file(LOCK, path)


def _unfinished_files(folder: Path) -> Iterator[Item]:
    """Temporary files of tables and reports, in the folder itself."""
    for path in folder.iterdir():
        if _UNFINISHED.fullmatch(path.name) and path.is_file() and _age(path) > locks.DOUBT_SECONDS:
            yield _file(TORN, path)


def _age(path: Path) -> float:
    """Seconds since a file was written; none where it is gone."""
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return 0.0


def _duplicates(found: list[Found]) -> list[list[Path]]:
    """Folders of one model that hold the same experiment."""
    groups: dict[tuple[Path, str], list[Path]] = {}
    for one in found:
        if one.state in (FINISHED, INCOMPLETE):
            fingerprint = str((manifest.read(one.path) or {}).get("fingerprint"))
            groups.setdefault((one.path.parent, fingerprint), []).append(one.path)
    return [paths for paths in groups.values() if len(paths) > 1]


def _file(kind: str, path: Path, action: str = DELETE) -> Item:
    return Item(action, kind, path, path.lstat().st_size)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())


def size_of(folder: Path) -> tuple[int, int]:
    """Bytes and number of files below a folder; links count for themselves."""
    sizes = [os.lstat(os.path.join(place, name)).st_size for place, _, names in os.walk(folder) for name in names]
    return sum(sizes), len(sizes)
