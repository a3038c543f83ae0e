"""Reads files and values that any program may have written, and accepts only those that can be used.

Functions on files raise Unreadable with the reason. Functions on values return None (or an empty dict) for a value of
the wrong kind.
"""

import json
import math
import os
import stat
from pathlib import PurePosixPath
from typing import Any

MAX_JSON_BYTES = 256 << 20  # lighteval's results with hundreds of tasks stay below 20 MB
Stamp = tuple[int, int]  # a file's size in bytes and its mtime in ns; a changed file has another stamp


class Unreadable(Exception):
    """A file or folder cannot be used; the message is the reason in one line, without the path."""


def stamp(path: str) -> Stamp:
    """Return the size and mtime_ns of a regular file; raises Unreadable for anything else."""
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise Unreadable(reason(error)) from error
    if stat.S_ISDIR(status.st_mode):
        raise Unreadable("a folder where a file is expected")
    if not stat.S_ISREG(status.st_mode):  # opening a named pipe would block forever
        raise Unreadable("not a regular file")
    return status.st_size, status.st_mtime_ns


def load_json(path: str) -> dict[str, Any]:
    """Read a JSON object from a file; raises Unreadable."""
    size, _ = stamp(path)
    if size == 0:
        raise Unreadable("empty file")
    if size > MAX_JSON_BYTES:
        raise Unreadable(f"{size >> 20} MB of JSON, too large for a results file or manifest")
    try:
        with open(path, encoding="utf-8-sig") as stream:
            value = json.load(stream)
    except (OSError, ValueError, RecursionError) as error:
        raise Unreadable(reason(error)) from error
    if not isinstance(value, dict):
        raise Unreadable("valid JSON, but not an object")
    return value


def reason(error: BaseException) -> str:
    """Why reading failed, in one short line.

    >>> reason(FileNotFoundError(2, "No such file or directory"))
    'no such file or directory'
    """
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON (truncated or damaged file): {error.msg} at line {error.lineno}"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:200]
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:200]


def inside(folder: str, name: Any) -> str:
    """Return the path of a file given in a manifest; raises Unreadable unless it is a relative path inside `folder`."""
    parts = PurePosixPath(name).parts if isinstance(name, str) and name else ()
    if not parts or parts[0] == "/" or ".." in parts:
        raise Unreadable(f"not a path inside the experiment's folder: {name!r}"[:200])
    return os.path.join(folder, *parts)


def number(value: Any) -> float | int | None:
    """The value if it is a finite number, else None; True and False are not numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -1e308 < value < 1e308 else None


def integer(value: Any) -> int | None:
    """The value as an int if it is a whole number (3 or 3.0) that fits 64 bits, else None."""
    found = number(value)
    return int(found) if found is not None and found == int(found) and abs(found) < 1 << 63 else None


def mapping(value: Any) -> dict:
    """The value if it is a dict, else an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str | None:
    """The value if it is a string and not empty, else None."""
    return value if isinstance(value, str) and value else None


def finite(value: Any) -> Any:
    """Replace NaN and the infinities, which JSON cannot represent, by null at any depth of a JSON value."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
