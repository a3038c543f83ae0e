"""Read and write files that other programs depend on, so that a reader sees a whole file or none; print text safely."""

import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from evalsuite.errors import RunError

ROOT = Path(__file__).resolve().parent.parent  # the suite's own folder: scripts, prompts.json, data/
# Control characters (all but tab and line feed), bidirectional marks and overrides, and lone surrogates.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@contextlib.contextmanager
def replacing(path: str | Path, mode: str = "w", sync: bool = True) -> Iterator[IO]:
    """Open a temporary file beside `path` for writing; rename it to `path` when the block ends without an error.

    `sync=False` skips the fsync, which may take seconds per file; use it for files that can be made again.
    Raises RunError, with the path and the cause, when the folder or the file cannot be written.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:64]}.", dir=path.parent)
        os.chmod(temporary, 0o666 & ~_umask())
        text = {} if "b" in mode else {"encoding": "utf-8", "errors": "backslashreplace", "newline": ""}
        with os.fdopen(handle, mode, **text) as stream:
            yield stream
            stream.flush()
            if sync:
                os.fsync(stream.fileno())
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise RunError(
            f"cannot write {path}: {error.strerror or error}; free some disk space or choose another folder"
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def write_text(path: str | Path, text: str) -> None:
    """Write text as UTF-8 (lone surrogates are escaped), under a temporary name that is then renamed to `path`."""
    with replacing(path) as stream:
        stream.write(text)


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON the same way. Raises ValueError for NaN and infinities, which are not JSON."""
    write_text(path, json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1) + "\n")


def read_json(path: str | Path) -> Any:
    """Read JSON. Raises OSError or ValueError (bad JSON, bad UTF-8), which the caller reports with the path."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def say(text: str, end: str = "\n") -> None:
    """Print and flush. If the output fails (terminal closed, log on a full disk), later output is discarded: that must
    not end a run that takes days."""
    try:
        print(text, end=end, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def sync(path: str | Path) -> None:
    """Force a file, or a folder's list of entries, onto the disk. Raises OSError if that fails."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def printable(text: str, limit: int = 300) -> str:
    """Text that is safe to print on a terminal: at most `limit` characters, with control characters and bidirectional
    overrides escaped.

    >>> printable("a\\x1b[31mb")
    'a\\\\x1b[31mb'
    """
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), shown)


def counted(number: int, noun: str) -> str:
    """A number and a noun in the singular or plural.

    >>> counted(1, "experiment"), counted(1200, "experiment")
    ('1 experiment', '1,200 experiments')
    """
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
