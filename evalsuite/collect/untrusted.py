"""Looking at files that anything may have written: is it a file, what JSON does it hold, why can it not be read."""

import json
import math
import os
import stat
from pathlib import PurePosixPath
from typing import Any

MAX_JSON_BYTES = 256 << 20  # lighteval's results with hundreds of tasks stay below 20 MB
Stamp = tuple[int, int]  # size in bytes, mtime in ns


class Unreadable(Exception):
    """A file or folder that is left out; the message is the reason, one line, without the path."""


def stamp(path: str) -> Stamp:
    """Size and mtime_ns of an ordinary file; raises Unreadable for whatever else lies there."""
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise Unreadable(reason(error)) from error
    if stat.S_ISDIR(status.st_mode):
        raise Unreadable("a folder where a file is expected")
    if not stat.S_ISREG(status.st_mode):  # opening a named pipe would wait for ever
        raise Unreadable("not an ordinary file")
    return status.st_size, status.st_mtime_ns


def load_json(path: str) -> dict[str, Any]:
    """A JSON object from a file; raises Unreadable."""
    size, _ = stamp(path)
    if size == 0:
        raise Unreadable("empty file")
    if size > MAX_JSON_BYTES:
        raise Unreadable(f"{size >> 20} MB of JSON, too large to be a results file or manifest")
    try:
        with open(path, encoding="utf-8-sig") as stream:
            value = json.load(stream)
    except (OSError, ValueError, RecursionError) as error:
        raise Unreadable(reason(error)) from error
    if not isinstance(value, dict):
        raise Unreadable("JSON, but not an object")
    return value


def reason(error: BaseException) -> str:
    """Why reading failed, in one short line.

    >>> reason(FileNotFoundError(2, "No such file or directory"))
    'no such file or directory'
    """
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON (cut short or damaged): {error.msg} at line {error.lineno}"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:200]
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:200]


def inside(folder: str, name: Any) -> str:
    """The path of a file that a manifest names; raises Unreadable unless it is a relative one inside `folder`."""
    parts = PurePosixPath(name).parts if isinstance(name, str) and name else ()
    if not parts or parts[0] == "/" or ".." in parts:
        raise Unreadable(f"names no file inside its folder: {name!r}"[:200])
    return os.path.join(folder, *parts)


def number(value: Any) -> float | int | None:
    """A finite number, else None; True and False are not numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if -1e308 < value < 1e308 else None


def integer(value: Any) -> int | None:
    """A whole number (3 and 3.0) that fits 64 bits, else None."""
    found = number(value)
    return int(found) if found is not None and found == int(found) and abs(found) < 1 << 63 else None


def mapping(value: Any) -> dict:
    """The value if it is a dict, else an empty one: foreign JSON may hold anything anywhere."""
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str | None:
    """The value if it is a string that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def finite(value: Any) -> Any:
    """A JSON value with NaN and infinities as null: JSON has no word for them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
