"""Many files: which are to be converted, which are up to date, several at once, and what failed."""

import json
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from evalsuite.convert.columns import BadFile
from evalsuite.convert.file import Options
from evalsuite.convert.workers import Died, results
from evalsuite.errors import RunError, UserError
from evalsuite.files import printable, replacing

RECORD = ".csv_options.json"  # per folder: with which options each CSV was made, from which state of its parquet
LEFTOVER_SECONDS = 3600.0
_TEMPORARY = re.compile(r"\..+\.csv(\.gz|\.zst)?\.[a-z0-9_]{8}", re.DOTALL)  # as evalsuite.files.replacing names them


@dataclass
class Outcome:
    """What became of all files: CSVs written, how many were up to date, and failures as (path, reason)."""

    written: list[str] = field(default_factory=list)
    current: int = 0
    rows: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Done:
    """A CSV was written: its rows, and the state of its parquet then (see RECORD)."""

    rows: int
    state: dict


def find(places: list[str]) -> tuple[list[Path], list[tuple[str, str]]]:
    """The .parquet files named, or below the folders named (links to folders are not followed), and what is amiss."""
    files: dict[Path, None] = {}
    bad: list[tuple[str, str]] = []
    for place in places:
        path = Path(place)
        if path.is_dir():
            walk = os.walk(
                path, onerror=lambda error: bad.append((str(error.filename), error.strerror or "unreadable"))
            )
            for folder, folders, names in walk:
                folders.sort()
                files.update({Path(folder, name): None for name in sorted(names) if name.endswith(".parquet")})
        elif path.exists():
            files[path] = None
        else:
            raise UserError(f"{printable(place)}: no such file or folder")
    return list(files), bad


def convert_all(
    files: list[Path], options: Options, jobs: int, again: bool, tell: Callable[[float, int], None]
) -> Outcome:
    """Convert what is not up to date. Never raises for a single file.

    `tell(done, total)` is called as files finish, and within a file (`done` not whole) where one is done at a time.
    """
    outcome = Outcome()
    records = {folder: _read_record(folder) for folder in {path.parent for path in files}}
    todo = [path for path in files if again or not _is_current(path, options, records[path.parent])]
    outcome.current = len(files) - len(todo)
    for folder in {path.parent for path in todo}:
        _remove_leftovers(folder)
    try:
        for done, (path, result) in enumerate(_results(todo, options, jobs, lambda done: tell(done, len(todo))), 1):
            if isinstance(result, str):
                outcome.failed.append((str(path), result))
            else:
                outcome.written.append(str(target_of(path, options)))
                outcome.rows += result.rows
                records[path.parent][path.name] = result.state
            tell(done, len(todo))
    finally:  # what is done is not done again after an interruption
        for folder in {path.parent for path in todo}:
            _write_record(folder, records[folder])
    return outcome


def target_of(path: Path, options: Options) -> Path:
    """The CSV beside a parquet file."""
    return path.with_name(path.name.removesuffix(".parquet") + options.suffix)


def _results(
    todo: list[Path], options: Options, jobs: int, tell: Callable[[float], None]
) -> Iterator[tuple[Path, Done | str]]:
    """What became of each file, or the reason why nothing did; large files first, so that none is left for the end."""
    if len(todo) <= 2 or jobs == 1:
        for number, path in enumerate(todo):
            yield path, _one(path, options, jobs, lambda share, before=number: tell(before + share))
        return
    work = partial(_one, options=options, threads=1)
    with closing(results(sorted(todo, key=_size, reverse=True), work, jobs, ["evalsuite.convert.file"])) as found:
        for path, result in found:
            yield path, result.how if isinstance(result, Died) else result


def _one(path: Path, options: Options, threads: int, seen: Callable[[float], None] = lambda share: None) -> Done | str:
    """Convert one file; returns the reason where that fails."""
    from evalsuite.convert.file import convert

    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return "not a regular file"
        before = _state(path, options)
        if not before["size"]:
            return "empty file"
        rows = convert(path, target_of(path, options), options, threads, seen)
        return Done(rows, before) if _state(path, options) == before else "changed while it was read; convert it again"
    except (RunError, BadFile) as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)


def _remove_leftovers(folder: Path) -> None:
    """Remove temporary CSVs that a killed conversion left; one that is being written changes every moment."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _TEMPORARY.fullmatch(entry.name) and time.time() - entry.stat().st_mtime > LEFTOVER_SECONDS:
                os.unlink(entry)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _state(path: Path, options: Options) -> dict:
    found = path.stat()
    return {"options": json.loads(json.dumps(asdict(options))), "size": found.st_size, "mtime_ns": found.st_mtime_ns}


def _is_current(path: Path, options: Options, record: dict) -> bool:
    try:
        target = target_of(path, options).stat()
        return record.get(path.name) == _state(path, options) and target.st_mtime_ns >= path.stat().st_mtime_ns
    except OSError:
        return False


def _read_record(folder: Path) -> dict:
    try:
        value = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _write_record(folder: Path, record: dict) -> None:
    """Note the options; a folder that refuses has refused its CSVs too, and those are reported."""
    if not record:
        return
    try:
        with replacing(folder / RECORD, sync=False) as stream:
            json.dump(record, stream)
    except RunError:
        return
