"""Converts many files: finds them, skips those that are up to date, runs several in parallel, collects failures."""

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
from evalsuite.convert.workers import Died, run_in_processes
from evalsuite.errors import RunError, UserError
from evalsuite.files import printable, replacing

RECORD = ".csv_options.json"  # in each folder: the options and the state of the parquet file that each CSV is made from
LEFTOVER_SECONDS = 3600.0  # without a change, after which a temporary file belongs to no running conversion
_TEMPORARY = re.compile(r"\..+\.csv(\.gz|\.zst)?\.[a-z0-9_]{8}", re.DOTALL)  # the names that files.replacing chooses


@dataclass
class Outcome:
    """The paths of the CSVs written, the number of files that were up to date, and failures as (path, reason)."""

    written: list[str] = field(default_factory=list)
    up_to_date: int = 0
    rows: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Converted:
    """One CSV was written: its number of rows, and the state of its parquet file at that time (see RECORD)."""

    rows: int
    state: dict


def find_parquet(places: list[str]) -> tuple[list[Path], list[tuple[str, str]]]:
    """Find the parquet files among `places` and in the folders among them; links to folders are not followed.

    Also returns the folders that cannot be listed, as (path, reason). Raises UserError for a place that does not exist.
    """
    files: dict[Path, None] = {}
    bad: list[tuple[str, str]] = []

    def note(error: OSError) -> None:
        bad.append((str(error.filename), error.strerror or "unreadable"))

    for place in places:
        path = Path(place)
        if path.is_dir():
            for folder, folders, names in os.walk(path, onerror=note):
                folders.sort()
                files.update({Path(folder, name): None for name in sorted(names) if name.endswith(".parquet")})
        elif path.exists():
            files[path] = None
        else:
            raise UserError(f"{printable(place)}: no such file or folder")
    return list(files), bad


def convert_all(
    files: list[Path], options: Options, jobs: int, overwrite: bool, progress: Callable[[float, int], None]
) -> Outcome:
    """Convert the files that are not up to date, or all with `overwrite`. Never raises for a single file.

    `progress(done, total)` is called whenever a file is finished. Where files are converted one at a time it is also
    called within a file, with a fraction in `done`.
    """
    outcome = Outcome()
    records = {folder: _read_record(folder) for folder in {path.parent for path in files}}
    todo = [path for path in files if overwrite or not _is_current(path, options, records[path.parent])]
    outcome.up_to_date = len(files) - len(todo)
    for folder in {path.parent for path in todo}:
        _remove_leftovers(folder)
    try:
        results = _convert_each(todo, options, jobs, lambda done: progress(done, len(todo)))
        for done, (path, result) in enumerate(results, 1):
            if isinstance(result, str):
                outcome.failed.append((str(path), result))
            else:
                outcome.written.append(str(csv_path(path, options)))
                outcome.rows += result.rows
                records[path.parent][path.name] = result.state
            progress(done, len(todo))
    finally:  # also after an interruption, so that finished files are not converted again
        for folder in {path.parent for path in todo}:
            _write_record(folder, records[folder])
    return outcome


def csv_path(path: Path, options: Options) -> Path:
    """The path of the CSV that belongs to a parquet file, in the same folder."""
    return path.with_name(path.name.removesuffix(".parquet") + options.suffix)


def _convert_each(
    todo: list[Path], options: Options, jobs: int, progress: Callable[[float], None]
) -> Iterator[tuple[Path, Converted | str]]:
    """Convert the files in parallel; yields each with its result, or with the reason why it failed.

    Large files come first, so that no worker is still busy with one at the end.
    """
    if len(todo) <= 2 or jobs == 1:
        for number, path in enumerate(todo):
            yield path, _convert_one(path, options, jobs, lambda fraction, before=number: progress(before + fraction))
        return
    work = partial(_convert_one, options=options, threads=1)
    largest_first = sorted(todo, key=_size, reverse=True)
    with closing(run_in_processes(largest_first, work, jobs, ["evalsuite.convert.file"])) as results:
        for path, result in results:
            yield path, result.how if isinstance(result, Died) else result


def _convert_one(
    path: Path, options: Options, threads: int, progress: Callable[[float], None] = lambda fraction: None
) -> Converted | str:
    """Convert one file; returns the reason if that fails."""
    from evalsuite.convert.file import convert

    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return "not a regular file"
        before = _state(path, options)
        if not before["size"]:
            return "empty file"
        rows = convert(path, csv_path(path, options), options, threads, progress)
        changed = _state(path, options) != before
        return "changed while it was read; convert it again" if changed else Converted(rows, before)
    except (RunError, BadFile) as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)


def _remove_leftovers(folder: Path) -> None:
    """Remove the temporary CSVs of killed conversions; a file that is still being written keeps changing."""
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
        target = csv_path(path, options).stat()
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
    """Save the record; if the folder cannot be written, its CSVs have failed too and are reported."""
    if not record:
        return
    try:
        with replacing(folder / RECORD, sync=False) as stream:
            json.dump(record, stream)
    except RunError:
        return
