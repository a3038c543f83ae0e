"""Many files: which are to be converted, which are up to date, several at once, and what failed."""

import json
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path

from evalsuite.convert.errors import BadFile
from evalsuite.convert.file import Options
from evalsuite.errors import RunError, UserError
from evalsuite.files import printable, replacing

RECORD = ".csv_options.json"  # per folder: with which options each CSV was made, from which state of its parquet
CHUNK = 64  # files handed to a process at once


@dataclass
class Outcome:
    """What became of all files: CSVs written, how many were up to date, and failures as (path, reason)."""

    written: list[str] = field(default_factory=list)
    current: int = 0
    rows: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


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
    files: list[Path], options: Options, jobs: int, again: bool, tell: Callable[[int, int], None]
) -> Outcome:
    """Convert what is not up to date; `tell(done, total)` is called as files finish. Never raises for a single file."""
    outcome = Outcome()
    records = {folder: _read_record(folder) for folder in {path.parent for path in files}}
    todo = [path for path in files if again or not _is_current(path, options, records[path.parent])]
    outcome.current = len(files) - len(todo)
    for done, (path, rows, reason) in enumerate(_results(todo, options, jobs), 1):
        if reason is not None:
            outcome.failed.append((str(path), reason))
        else:
            outcome.written.append(str(target_of(path, options)))
            outcome.rows += rows
            records[path.parent][path.name] = _state(path, options)
        tell(done, len(todo))
    for folder in {path.parent for path in todo}:
        _write_record(folder, records[folder])
    return outcome


def target_of(path: Path, options: Options) -> Path:
    """The CSV beside a parquet file."""
    return path.with_name(path.name.removesuffix(".parquet") + options.suffix)


def _results(todo: list[Path], options: Options, jobs: int) -> Iterator[tuple[Path, int, str | None]]:
    if len(todo) <= 2 or jobs == 1:
        for path in todo:
            yield _one(path, options, jobs)
        return
    size = max(1, min(CHUNK, len(todo) // (4 * jobs)))
    chunks = [todo[start : start + size] for start in range(0, len(todo), size)]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(_several, chunk, options): chunk for chunk in chunks}
        for future in as_completed(waiting):
            try:
                yield from future.result()
            except Exception as error:  # a process that was killed takes its chunk with it
                yield from ((path, 0, f"the converting process failed: {error}") for path in waiting[future])


def _several(paths: list[Path], options: Options) -> list[tuple[Path, int, str | None]]:
    return [_one(path, options, 1) for path in paths]


def _one(path: Path, options: Options, threads: int) -> tuple[Path, int, str | None]:
    """Convert one file; returns its rows, or the reason why not."""
    import pyarrow as pa

    from evalsuite.convert.file import convert

    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return path, 0, "not a regular file"
        if path.stat().st_size == 0:
            return path, 0, "empty file"
        return path, convert(path, target_of(path, options), options, threads), None
    except (RunError, BadFile) as error:
        return path, 0, str(error)
    except OSError as error:
        return path, 0, error.strerror or str(error).splitlines()[0]
    except (pa.ArrowException, ValueError) as error:
        return path, 0, f"not a readable parquet file: {str(error).splitlines()[0]}"


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
